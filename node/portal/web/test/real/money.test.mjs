// Money against the real program, on phones, in both directions of writing: a counter that takes cash with and without the node, and a
// member who sends, gives, pays and reckons zakat. What a page says is held against the ledger.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { launch } from '../fixture/browser.mjs';
import { film } from './film.mjs';
import { payIn, startMoney } from './money.mjs';
import { kept, person } from './person.mjs';
import { speaker } from './texts.mjs';
import { enter } from './views.mjs';
import { Wire } from './wire.mjs';
import { Program, nodeIn } from './world.mjs';

const password = 'tujuh kambing di atas bukit';
const people = [
  ['siti', 'Siti', ['member']],
  ['maryam', 'Maryam', ['shariah-reviewer', 'member']],
  ['loket', 'Loket', ['wallet-officer']],
];

describe.each(['en', 'ar'])('money in %s', (lang) => {
  const w = {};
  const say = speaker(lang);

  beforeAll(async () => {
    w.dir = mkdtempSync(join(tmpdir(), 'aielon-money-'));
    w.node = await nodeIn(w.dir, 'node', 'clinic');
    await w.node.start();
    const owner = await new Program(w.node.url).setUp(w.node.code, 'amina', password);
    for (const [login, displayName, roles] of people) {
      const { code } = await owner.ask('POST', '/v1/invitations', { roles, login });
      await new Program(w.node.url).ask('POST', '/v1/invitations/accept', { code, login, displayName, password, language: lang });
    }
    const known = (await owner.ask('GET', '/v1/people')).people;
    w.m = await startMoney({ url: w.node.url, owner, password, people: known, officer: 'loket', member: 'siti', other: 'maryam', reviewer: 'maryam' });
    w.wire = await new Wire(w.node.url).up();
    // What the camera of the counter sees: the code a member shows on their phone.
    const seen = join(w.dir, 'camera.y4m');
    writeFileSync(seen, film(w.m.other));
    w.browser = await launch([w.wire.rule, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${seen}`]);
    w.counter = await person(w.browser, { lang });
    w.phone = await person(w.browser, { lang });
    // A phone whose camera is of no use: everything can be typed and pasted.
    await w.phone.context().addInitScript(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }));
    await enter(w.counter, w.node.url, 'loket', password);
    await enter(w.phone, w.node.url, 'siti', password);
  });

  afterAll(async () => {
    await w.browser?.close();
    await w.wire?.down();
    await w.node?.stop();
    rmSync(w.dir, { recursive: true, force: true });
  });

  beforeEach(() =>
    onTestFailed(async () => {
      await w.counter?.screenshot({ path: 'test/real/failed.png' });
      await w.phone?.screenshot({ path: 'test/real/failed-other.png' });
      console.log(w.counter?.errors, w.phone?.errors, w.node?.log);
    }),
  );

  const account = (id) => w.m.officer.ask('GET', `/v1/wallet/accounts/${id}`);
  const posted = async (id) => BigInt((await account(id)).balance.posted ?? '0');
  const idr = (units) => BigInt(units) * 100n;
  const button = (page, key, values) => page.getByRole('button', { name: say(key, values), exact: true });
  const shown = (page, key) => page.getByText(say(key)).first().waitFor();
  const tab = (key) => w.counter.getByRole('tab', { name: new RegExp(`^${say(key)}`) });
  const panel = () => w.counter.getByRole('tabpanel');
  const reach = () => w.counter.getByText(say('connection.online')).waitFor({ timeout: 30_000 });

  /** Chooses an account by the end of its number and types an amount with a thumb. */
  async function ready(id, keys) {
    const page = w.counter;
    await panel().getByRole('button').first().click();
    await page.getByRole('dialog').getByRole('searchbox').fill(id.slice(-6));
    await page.getByRole('dialog').getByRole('listitem').getByRole('button').click();
    for (const key of keys) await page.getByRole('button', { name: key, exact: true }).click();
  }
  const take = () => panel().getByRole('button').last().click();
  const next = () => button(w.counter, 'cashier.next').click();
  const waits = () => shown(w.counter, 'cashier.waits');

  test('places are offered to those who have something to do there', async () => {
    const go = (page, place) => page.getByRole('navigation').last().getByRole('link', { name: say(`nav.${place}`), exact: true });
    await go(w.phone, 'wallet').click();
    await w.phone.getByText('Tabungan').first().waitFor();
    expect(await go(w.phone, 'cashier').count()).toBe(0);
    await go(w.counter, 'cashier').click();
    await tab('cashier.take').waitFor();
    expect(await w.counter.evaluate(() => document.documentElement.dir)).toBe(lang === 'ar' ? 'rtl' : 'ltr');
  });

  test('cash over the counter: paid once the ledger has it', async () => {
    const before = await posted(w.m.member);
    await ready(w.m.member, ['5', '0', '000']);
    await w.counter.getByText('50,000').first().waitFor();
    await take();
    await shown(w.counter, 'cashier.isTaken');
    expect(await posted(w.m.member)).toBe(before + idr(50_000));
    await next();
    await tab('cashier.today').click();
    await w.counter.getByText('+50,000').first().waitFor();
  });

  test('the camera reads the code a member shows', async () => {
    await tab('cashier.take').click();
    await panel().getByRole('button').first().click();
    const dialog = w.counter.getByRole('dialog');
    await dialog.getByRole('button', { name: say('wallet.scan') }).click();
    await dialog.waitFor({ state: 'detached' });
    await panel().getByText(w.m.other.slice(-6)).waitFor();
    // Who pays by the code of a person sends to them.
    const page = await person(w.browser, { lang });
    await enter(page, w.node.url, 'siti', password);
    await page.goto(`${w.node.url}/wallet`);
    await button(page, 'wallet.pay').click();
    await page.getByRole('dialog').getByRole('heading', { name: say('wallet.send') }).waitFor();
    expect(await page.getByRole('dialog').getByLabel(say('wallet.to'), { exact: true }).inputValue()).toBe(w.m.other);
    await page.context().close();
  });

  test('with no link cash is taken and waits, in order, and is in the ledger once', async () => {
    const before = await posted(w.m.member);
    const page = w.counter;
    await tab('cashier.take').click();
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await kept(page, '/v1/wallet/accounts', '/v1/wallet/gateways', '/v1/wallet/assets', '/v1/me');
    w.counterWhole = page.errors.length;
    w.phoneWhole = w.phone.errors.length;
    await w.wire.down();
    for (const keys of [['2', '0', '000'], ['7', '000']]) {
      await ready(w.m.member, keys);
      await take();
      await waits();
      expect(await page.getByText(say('cashier.isTaken')).count()).toBe(0);
      await next();
    }
    await page.reload(); // what waits survives
    await tab('cashier.today').click();
    await shown(page, 'cashier.waitingText');
    expect(await page.getByText(say('outbox.waiting'), { exact: true }).count()).toBe(2);
    await page.getByText('27,000').first().waitFor();
    // What cannot wait says so.
    await tab('cashier.holds').click();
    await shown(page, 'cashier.holdsNeedNode');
    expect(await button(page, 'cashier.hold').isDisabled()).toBe(true);
    expect(await posted(w.m.member)).toBe(before);
    await w.wire.up();
    await expect.poll(() => posted(w.m.member), { timeout: 40_000 }).toBe(before + idr(27_000));
    await tab('cashier.today').click();
    await page.getByText(say('cashier.waitingText')).waitFor({ state: 'detached', timeout: 30_000 });
    const { payments } = await w.m.officer.ask('GET', `/v1/wallet/payments?account=${w.m.member}&page_size=200`);
    expect(payments.filter((p) => p.amount === '2000000' || p.amount === '700000').map((p) => p.state)).toEqual(['PAYMENT_CONFIRMED', 'PAYMENT_CONFIRMED']);
    expect(await posted(w.m.member)).toBe(before + idr(27_000));
  });

  test.each([
    ['before', 'POST /v1/wallet/payments ', 'the payment'],
    ['after', 'POST /v1/wallet/payments ', 'the payment'],
    ['before', 'POST /v1/wallet/payments/', 'its confirmation'],
    ['after', 'POST /v1/wallet/payments/', 'its confirmation'],
  ])('the connection ends %s the request got through (%s): it is paid once', async (when, request) => {
    const page = w.counter;
    await reach();
    const before = await posted(w.m.member);
    await tab('cashier.take').click();
    await ready(w.m.member, ['3', '000']);
    w.wire.cut(request, when);
    await take();
    await waits();
    // Nobody at the counter can know; only an answer that was lost after the confirmation is in the ledger.
    const there = when === 'after' && request.endsWith('/');
    await expect.poll(() => posted(w.m.member)).toBe(before + (there ? idr(3_000) : 0n));
    await w.wire.up();
    await next();
    await tab('cashier.today').click();
    await page.getByText(say('cashier.waitingText')).waitFor({ state: 'detached', timeout: 40_000 });
    expect(await posted(w.m.member)).toBe(before + idr(3_000));
  });

  test('money is kept aside, a part of it is taken, the rest goes back', async () => {
    const page = w.counter;
    await reach();
    const before = await posted(w.m.member);
    await tab('cashier.holds').click();
    await page.getByText('ROOM-2').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').fill('100000');
    await dialog.getByRole('button').last().click();
    await shown(page, 'cashier.posted');
    await dialog.getByRole('button', { name: say('common.close') }).last().click();
    expect(await posted(w.m.member)).toBe(before - idr(100_000));
    expect((await account(w.m.member)).balance.debitsPending ?? '0').toBe('0');
    await page.getByText('SCALES').click();
    await button(page, 'cashier.letGo').click();
    await shown(page, 'cashier.voided');
    await page.getByRole('dialog').getByRole('button', { name: say('common.close') }).last().click();
    await shown(page, 'cashier.noHolds');
  });

  test('a payment is given back in part', async () => {
    const page = w.counter;
    const before = await posted(w.m.member);
    await tab('cashier.today').click();
    await page.getByText('+50,000').first().click();
    const sheet = page.getByRole('dialog');
    await sheet.getByRole('listitem').filter({ hasText: '50,000' }).filter({ hasNotText: '250,000' }).getByRole('button', { name: say('cashier.refund') }).first().click();
    await sheet.getByRole('textbox').fill('10000');
    await button(page, 'cashier.refundNow').click();
    await shown(page, 'cashier.refunded');
    expect(await posted(w.m.member)).toBe(before - idr(10_000));
    await sheet.getByRole('button', { name: say('common.close') }).last().click();
    await page.keyboard.press('Escape'); // the list behind it
    await sheet.waitFor({ state: 'detached' });
  });

  test('a code on the counter, kept for when the node is away', async () => {
    const page = w.counter;
    await tab('cashier.codes').click();
    await panel().getByRole('button').first().click();
    await page.getByRole('dialog').getByRole('searchbox').fill(w.m.other.slice(-6));
    await page.getByRole('dialog').getByRole('listitem').getByRole('button').click();
    await page.getByLabel(say('cashier.merchantName'), { exact: true }).fill('WARUNG AN-NUR');
    await page.getByLabel(say('cashier.city'), { exact: true }).fill('JAKARTA');
    await page.getByLabel(say('cashier.country'), { exact: true }).fill('ID');
    await page.getByLabel(say('cashier.mcc'), { exact: true }).selectOption('5812');
    await panel().getByRole('img').waitFor();
    w.code = await page.evaluate((id) => JSON.parse(localStorage.getItem('codes'))[id], w.m.other);
    expect(w.code).toMatch(/^000201/);
    await w.wire.down();
    await page.reload();
    await tab('cashier.codes').click();
    await panel().getByRole('img').waitFor();
    await shown(page, 'cashier.codeOffline');
    await w.wire.up();
    await reach();
  });

  test('an invoice is issued, paid on a phone by its number, and the counter sees it at once', async () => {
    const page = w.counter;
    const before = await posted(w.m.other);
    await button(page, 'cashier.newInvoice').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(say('cashier.description'), { exact: true }).fill('Nasi kotak');
    await dialog.getByLabel(say('cashier.quantity'), { exact: true }).fill('3');
    await dialog.getByLabel(new RegExp(`^${say('cashier.price')}`)).fill('15.000');
    await dialog.getByRole('button', { name: say('common.next') }).click();
    await dialog.getByRole('button', { name: say('cashier.issue'), exact: true }).click();
    await shown(page, 'cashier.issued');
    await dialog.getByRole('button', { name: say('common.close') }).last().click();
    await dialog.getByText('45,000').first().waitFor();
    const { invoices } = await w.m.officer.ask('GET', `/v1/wallet/invoices?account=${w.m.other}`);
    await button(w.phone, 'wallet.pay').click();
    const pay = w.phone.getByRole('dialog');
    await pay.getByRole('textbox').fill(invoices[0].id);
    await pay.getByRole('button', { name: say('common.next') }).click();
    await pay.getByText('Nasi kotak').waitFor();
    await pay.getByRole('button', { name: say('common.next') }).click();
    await button(w.phone, 'wallet.payNow').click();
    await shown(w.phone, 'wallet.paid');
    await shown(page, 'cashier.invoiceIsPaid');
    expect(await posted(w.m.other)).toBe(before + idr(45_000));
    await pay.getByRole('button', { name: say('common.close') }).last().click();
    await page.keyboard.press('Escape');
  });

  test('a phone pays by the code of the counter', async () => {
    const before = await posted(w.m.other);
    await button(w.phone, 'wallet.pay').click();
    const pay = w.phone.getByRole('dialog');
    await pay.getByRole('textbox').fill(w.code);
    await pay.getByRole('button', { name: say('common.next') }).click();
    await pay.getByText('WARUNG AN-NUR').first().waitFor();
    await pay.getByRole('textbox').fill('12500');
    await pay.getByRole('button', { name: say('common.next') }).click();
    await button(w.phone, 'wallet.payNow').click();
    await shown(w.phone, 'wallet.paid');
    expect(await posted(w.m.other)).toBe(before + idr(12_500));
    await pay.getByRole('button', { name: say('common.close') }).last().click();
  });

  async function sendTo(id, amount) {
    await button(w.phone, 'wallet.send').click();
    const dialog = w.phone.getByRole('dialog');
    await dialog.getByLabel(say('wallet.to'), { exact: true }).fill(id);
    await dialog.getByLabel(new RegExp(`^${say('wallet.amount')}`)).fill(amount);
    await dialog.getByRole('button', { name: say('common.next') }).click();
    await button(w.phone, 'wallet.sendNow').click();
    return dialog;
  }

  test('money is sent and given, once, and the balance says so', async () => {
    const before = await posted(w.m.member);
    const dialog = await sendTo(w.m.other, '20.000');
    await shown(w.phone, 'wallet.sent');
    await dialog.getByRole('button', { name: say('common.close') }).last().click();
    await button(w.phone, 'wallet.give').click();
    await dialog.getByRole('combobox').first().selectOption({ label: 'Atap ruang salat' });
    await dialog.getByText('Atap baru sebelum musim hujan.').waitFor();
    await dialog.getByLabel(new RegExp(`^${say('wallet.amount')}`)).fill('5000');
    await dialog.getByRole('button', { name: say('common.next') }).click();
    await button(w.phone, 'wallet.giveNow').click();
    await shown(w.phone, 'wallet.given');
    await dialog.getByRole('button', { name: say('common.close') }).last().click();
    expect(await posted(w.m.member)).toBe(before - idr(25_000));
    const now = (await account(w.m.member)).balance.available;
    await w.phone.getByText(Number(now.slice(0, -2)).toLocaleString('en')).first().waitFor();
  });

  test('why the rules say no stands there in the language of the reader', async () => {
    for (let i = 0; i < 3; i++) await payIn(w.m.officer, w.m.member, idr(900_000).toString());
    await w.phone.reload();
    const before = await posted(w.m.member);
    const dialog = await sendTo(w.m.other, '2.500.000');
    await dialog.getByText('AML-1').waitFor();
    const said = await dialog.getByRole('alert').innerText();
    expect(/[\u0600-\u06ff]{4}/.test(said)).toBe(lang === 'ar');
    expect(await posted(w.m.member)).toBe(before);
    await dialog.getByRole('button', { name: say('common.close') }).last().click();
  });

  test('zakat is reckoned with each of its steps, and the page of an account has a plot and statements', async () => {
    const page = w.phone;
    await page.getByRole('link', { name: say('wallet.zakat'), exact: true }).click();
    await page.getByLabel(new RegExp(`^${say('wallet.cash')} \\(`)).fill('250.000.000');
    await button(page, 'wallet.reckon').click();
    await page.getByText('6,250,000').first().waitFor();
    await button(page, 'wallet.save').click();
    await shown(page, 'wallet.saved');
    await page.goto(`${w.node.url}/wallet/${w.m.member}`);
    await page.locator('.u-over').waitFor();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: say('wallet.statementAs', { format: 'PDF' }) }).click()]);
    expect(file.suggestedFilename()).toBe('statement.pdf');
    expect(await file.failure()).toBe(null);
  });

  test('the browsers had nothing to complain about but what was to be expected', async () => {
    const net = /ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)/;
    const expected = /422 .*\/v1\/wallet\/transfers/; // a rule said no once
    for (const page of [w.counter, w.phone]) expect(page.errors.filter((e) => !net.test(e) && !expected.test(e))).toEqual([]);
  });
});
