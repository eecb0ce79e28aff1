// A treasurer's day against the real program, on a phone, in both directions of writing: a campaign and a gift, a release that takes
// three people, an application for zakat, a statement of the bank; and what anyone may see of a fund, with and without a network.
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { launch } from '../fixture/browser.mjs';
import { kept, person } from './person.mjs';
import { speaker } from './texts.mjs';
import { digestOf, statement } from './treasury.mjs';
import { enter } from './views.mjs';
import { Wire } from './wire.mjs';
import { Program, startWorld } from './world.mjs';

const password = 'tujuh kambing di atas bukit';
const idr = (units) => String(units * 100);
const people = { officer: ['wallet-officer'], second: ['wallet-officer'], third: ['wallet-officer', 'shariah-reviewer'], member: ['member'] };

describe.each(['en', 'ar'])('in %s', (lang) => {
  const w = { pages: {}, programs: {}, ids: {} };
  const say = speaker(lang);

  /** A site with people who may, funds, desks, and one who asked for help. */
  async function prepare() {
    const { node } = w.world;
    w.owner = await new Program(node.url).setUp(node.code, 'owner', password);
    for (const [login, roles] of Object.entries(people)) {
      const { code } = await w.owner.ask('POST', '/v1/invitations', { roles, login });
      await new Program(node.url).ask('POST', '/v1/invitations/accept', { code, login, displayName: login, password, language: lang });
      w.programs[login] = await new Program(node.url).signIn(login, password);
      w.ids[login] = (await w.programs[login].ask('GET', '/v1/me')).id;
    }
    const { officer } = w.programs;
    await officer.ask('POST', '/v1/wallet/funds', { id: 'general', name: 'Kas umum' });
    await officer.ask('POST', '/v1/wallet/funds', { id: 'building', name: 'Gedung', purpose: 'Lantai dua.', public: true });
    await officer.ask('POST', '/v1/wallet/funds', { id: 'zakat', name: 'Zakat' });
    const open = (kind, fund, name) => officer.ask('POST', '/v1/wallet/accounts', { kind, fund, name, asset: 'IDR' }).then((a) => a.id);
    w.bank = await open('BANK', 'general', 'Bank umum');
    w.building = await open('CASH', 'building', 'Kotak gedung');
    w.zakat = await open('CASH', 'zakat', 'Kotak zakat');
    await open('EXPENSE', 'general', 'Biaya bank');
    await officer.ask('POST', '/v1/wallet/gifts', { from: w.bank, fund: 'general', amount: idr(1_500_000) });
    await officer.ask('POST', '/v1/wallet/zakat/payments', { from: w.zakat, amount: idr(5_000_000) });
  }

  beforeAll(async () => {
    w.world = await startWorld();
    await prepare();
    w.wire = await new Wire(w.world.node.url).up();
    w.browser = await launch([w.wire.rule]);
    for (const login of ['officer', 'second', 'third']) {
      w.pages[login] = await person(w.browser, { lang });
      await enter(w.pages[login], w.world.node.url, login, password);
    }
    w.page = w.pages.officer;
  });

  afterAll(async () => {
    await w.browser?.close();
    await w.wire?.down();
    await w.world?.close();
  });

  beforeEach(() =>
    onTestFailed(async () => {
      for (const [login, page] of Object.entries(w.pages)) await page.screenshot({ path: `test/real/failed-${login}.png`, fullPage: true });
      console.log(Object.entries(w.pages).map(([login, page]) => [login, page.url(), page.errors]), w.world?.node.log.slice(-2_000));
    }),
  );

  const at = (path) => w.world.node.url + path;
  const button = (page, key, values) => page.getByRole('button', { name: say(key, values), exact: true });
  const dialog = (page) => page.getByRole('dialog');
  const field = (page, key) => page.getByLabel(say(key), { exact: true });
  const amount = (page, key) => page.getByLabel(`${say(key)} (IDR)`, { exact: true });
  const shown = (page, key, values) => page.getByText(say(key, values)).first().waitFor();
  const part = (page, name) => page.getByRole('navigation', { name: say('treasury.parts') }).getByRole('link', { name: say(`treasury.part_${name}`), exact: true }).click();

  test('a campaign is opened, and a gift is seen in it and in the plot', async () => {
    const { page } = w;
    await page.getByRole('navigation').last().getByRole('link', { name: say('nav.treasury'), exact: true }).click();
    await page.getByRole('link', { name: /Gedung/ }).click();
    await shown(page, 'fundUse.building');
    await button(page, 'treasury.campaignNew').click();
    await field(page, 'treasury.campaignTitle').fill('Lantai dua');
    await field(page, 'treasury.campaignId').fill('lantai-dua');
    await amount(page, 'treasury.goal').fill('8.000.000');
    await button(page, 'common.save').click();
    await shown(page, 'treasury.campaignSaved');
    await w.programs.officer.ask('POST', '/v1/wallet/gifts', { from: w.building, campaign: 'lantai-dua', amount: idr(2_000_000) });
    await page.reload();
    await page.getByText(/25.{0,2}%/).first().waitFor(); // Arabic has marks of direction there
    await shown(page, 'fund.gifts', { count: 1 });
    const plot = page.locator('figure').first();
    await plot.locator('summary').click();
    await plot.getByRole('cell', { name: /2,000,000/ }).waitFor();
  });

  test('a release takes three people, and the paper it stands on is checked', async () => {
    const { page, pages } = w;
    const paper = { name: 'receipt.txt', mimeType: 'text/plain', buffer: Buffer.from('semen 20 sak') };
    await page.goto(at('/treasury/approvals'));
    await button(page, 'treasury.releaseNew').click();
    await field(page, 'treasury.from').selectOption(w.bank);
    await field(page, 'treasury.to').selectOption(w.building);
    await amount(page, 'treasury.amount').fill('500 000');
    await field(page, 'treasury.reason').fill('Semen.');
    await dialog(page).locator('[type=file]').setInputFiles(paper);
    await dialog(page).getByText(digestOf('semen 20 sak')).waitFor();
    await button(page, 'treasury.ask').click();
    await shown(page, 'treasury.yours');
    expect(await button(page, 'treasury.approve').count()).toBe(0);

    for (const [login, says] of [['second', 'treasury.gave'], ['third', 'treasury.releasesNone']]) {
      const other = pages[login];
      await other.goto(at('/treasury/approvals'));
      await other.getByText('Semen.').waitFor();
      await other.getByText(say('treasury.documentCheck')).click();
      await other.locator('[type=file]').setInputFiles(login === 'second' ? { ...paper, buffer: Buffer.from('semen 2 sak') } : paper);
      await shown(other, login === 'second' ? 'treasury.documentOther' : 'treasury.documentSame');
      await button(other, 'treasury.approve').click();
      await dialog(other).getByRole('button', { name: say('treasury.approve'), exact: true }).click();
      await shown(other, says);
    }
    const held = (await w.programs.officer.ask('GET', '/v1/wallet/funds/building')).totals[0].held;
    expect(held).toBe(idr(2_500_000));
  });

  test('who took an application and looked into it does not decide it; another does, and it is paid over the desk', async () => {
    const { page, pages } = w;
    await page.goto(at('/treasury'));
    await part(page, 'zakat');
    await button(page, 'treasury.apply').click();
    await field(page, 'treasury.applicant').fill(w.ids.member);
    await amount(page, 'treasury.need').fill('900.000');
    await field(page, 'treasury.household').fill('3');
    await field(page, 'treasury.why').fill('Sewa rumah.');
    await dialog(page).locator('[type=submit]').click();
    await page.getByRole('main').getByRole('link').filter({ hasText: '900,000' }).click();
    await page.getByText('Sewa rumah.').waitFor();
    await field(page, 'treasury.category').selectOption('miskin');
    await amount(page, 'treasury.recommended').fill('800000');
    await button(page, 'treasury.assessSend').click();
    await shown(page, 'treasury.youAssessed');

    const other = pages.second;
    await other.goto(page.url());
    await field(other, 'treasury.reason').fill('Tepat.');
    await other.locator('form').getByRole('button', { name: say('treasury.grant'), exact: true }).click();
    await shown(other, 'treasury.caseApproved');

    await page.reload();
    await field(page, 'treasury.payFrom').selectOption(w.zakat);
    await page.locator('form').getByRole('button', { name: say('treasury.pay'), exact: true }).click();
    await shown(page, 'treasury.paidOut');
    await shown(page, 'caseState.CASE_PAID');
    const { totals } = await w.programs.officer.ask('GET', '/v1/wallet/funds/zakat');
    expect(totals[0]).toMatchObject({ held: idr(4_200_000), spent: idr(800_000) });
  });

  test('what the rules put on hold is explained in words of the reader, and decided by another', async () => {
    const page = w.pages.third;
    const open = () => w.programs.officer.ask('POST', '/v1/wallet/accounts', { kind: 'MEMBER', asset: 'IDR', owner: w.ids.member }).then((a) => a.id);
    const [from, to] = [await open(), await open()];
    const drawer = (await w.programs.officer.ask('POST', '/v1/wallet/accounts', { kind: 'CASH', asset: 'IDR', fund: 'amanah', name: 'Laci' })).id;
    await w.programs.officer.ask('POST', '/v1/wallet/transfers', { transfer: { debit: drawer, credit: from, amount: idr(90_000) } });
    const held = await w.programs.member.ask('POST', '/v1/wallet/transfers', { transfer: { debit: from, credit: to, amount: idr(70_000), mcc: '6300' } });
    expect(held.status).toBe('UNDER_REVIEW');
    const { text } = (await w.programs.third.ask('GET', `/v1/wallet/compliance/reviews?language=${lang}`)).reviews[0].decision;
    await page.goto(at('/treasury/approvals'));
    const review = page.getByRole('listitem').filter({ hasText: '70,000' });
    await review.getByText(text).waitFor();
    await review.getByRole('button', { name: say('treasury.decline'), exact: true }).click();
    await field(page, 'treasury.reason').fill('Asuransi biasa.');
    await dialog(page).locator('[type=submit]').click();
    await shown(page, 'treasury.reviewDeclined');
    expect((await w.programs.officer.ask('GET', `/v1/wallet/accounts/${from}`)).balance).toMatchObject({ available: idr(90_000) });
  });

  test('a statement is imported, each entry is said of, and the difference is explained', async () => {
    const { page } = w;
    const file = { name: 'today.xml', mimeType: 'application/xml', buffer: Buffer.from(statement('DE89370400440532013000', [[1_500_000, 'R1', 'Jamaah', 'Infak'], [-15_000, 'R2', 'Bank', 'Biaya bulanan'], [40_000, 'R3', 'Salah alamat', 'Dikembalikan besok']])) };
    const take = async () => {
      await button(page, 'treasury.import').click();
      await dialog(page).locator('[type=file]').setInputFiles(file);
      if (await field(page, 'treasury.iban').count()) await field(page, 'treasury.iban').fill('DE89370400440532013000');
      await dialog(page).getByRole('button', { name: say('treasury.import'), exact: true }).click();
    };
    await page.goto(at('/treasury/bank'));
    await take();
    await shown(page, 'treasury.imported', { count: 3 });
    const row = (words) => page.getByRole('listitem').filter({ hasText: words });
    await row('Infak').getByRole('button', { name: say('treasury.match'), exact: true }).click();
    await row('Infak').getByText(say('entryState.ENTRY_MATCHED'), { exact: true }).waitFor();

    await row('Biaya bulanan').getByRole('button', { name: say('treasury.entryElse') }).click();
    await dialog(page).getByRole('group', { name: say('treasury.act') }).getByRole('button', { name: say('treasury.way_book') }).click();
    await dialog(page).locator('select').selectOption({ index: 1 });
    await dialog(page).locator('[type=submit]').click();
    await row('Biaya bulanan').getByText(say('entryState.ENTRY_MATCHED'), { exact: true }).waitFor();

    await row('Salah alamat').getByRole('button', { name: say('treasury.entryElse') }).click();
    await dialog(page).getByRole('group', { name: say('treasury.act') }).getByRole('button', { name: say('treasury.way_ignore') }).click();
    await field(page, 'treasury.reason').fill('Salah kirim.');
    await dialog(page).locator('[type=submit]').click();
    await row('Salah alamat').getByText(say('entryState.ENTRY_IGNORED'), { exact: true }).waitFor();

    await page.getByRole('main').getByRole('button', { name: new RegExp(say('treasury.entries', { count: 3 })) }).click();
    await shown(page, 'treasury.summary');
    await shown(page, 'treasury.explained');
    await shown(page, 'bankPart.ignored');

    await take(); // once more: nothing is done twice
    await shown(page, 'treasury.importedAgain');
  });

  test('a CSV is read as the treasurer says, and in the same way the next time', async () => {
    const { page } = w;
    const account = (await w.programs.officer.ask('POST', '/v1/wallet/accounts', { kind: 'BANK', asset: 'IDR', fund: 'building', name: 'Bank gedung' })).id;
    const day = (n) => new Date(Date.now() - n * 86_400_000).toISOString().slice(0, 10).split('-').reverse().join('.');
    const csv = (rows) => ({ name: 'k.csv', mimeType: 'text/csv', buffer: Buffer.from(['Kontoauszug', 'Tag;Betrag;Ref;Name;Text', ...rows].join('\r\n')) });
    await page.goto(at('/treasury/bank'));
    await field(page, 'treasury.account').selectOption(account);
    await button(page, 'treasury.import').click();
    await dialog(page).locator('[type=file]').setInputFiles(csv([`${day(3)};1.250.000,00;A1;Jamaah;Infak gedung`, `${day(2)};-2.500,00;A2;Bank;Biaya`]));
    await field(page, 'treasury.iban').fill('0098123456');
    await field(page, 'treasury.skip').fill('1');
    await field(page, 'treasury.delimiter').selectOption(';');
    await field(page, 'treasury.dateLayout').fill('DD.MM.YYYY');
    await field(page, 'treasury.decimal').selectOption(',');
    for (const [column, name] of [['booked', 'Tag'], ['amount', 'Betrag'], ['reference', 'Ref'], ['counterparty', 'Name'], ['remittance', 'Text']]) await field(page, `csvColumn.${column}`).selectOption(name);
    await dialog(page).locator('[type=submit]').click();
    await shown(page, 'treasury.imported', { count: 2 });
    await page.getByText('Infak gedung').waitFor();
    await page.getByText(/1,250,000/).first().waitFor();

    await button(page, 'treasury.import').click();
    await dialog(page).locator('[type=file]').setInputFiles(csv([`${day(1)};75.000,00;A3;Jamaah;Sumur`]));
    await dialog(page).getByText(say('treasury.mappingKnown')).waitFor();
    await dialog(page).locator('[type=submit]').click();
    await page.getByText('Sumur').waitFor();
  });

  test('an account is frozen and let go, and the books are a file', async () => {
    const { page } = w;
    await page.goto(at('/treasury/accounts'));
    const change = page.getByRole('button', { name: `${say('common.edit')}: Biaya bank` });
    const act = async (which) => {
      await change.click();
      await dialog(page).getByRole('group').getByRole('button', { name: say(`treasury.act_${which}`), exact: true }).click();
      await field(page, 'treasury.reason').fill('Uji coba.');
      await dialog(page).locator('[type=submit]').click();
      await shown(page, `treasury.did_${which}`);
    };
    await act('freeze');
    await page.getByText(say('treasury.frozen'), { exact: true }).waitFor();
    await act('unfreeze');
    await part(page, 'books');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'journal.hledger' }).click()]);
    expect(download.suggestedFilename()).toBe('journal.hledger');
    expect(await download.failure()).toBeNull();
  });

  test('anyone may see a public fund, and it says from when it is where nobody answers', async () => {
    const page = await person(w.browser, { lang });
    w.pages.nobody = page;
    await page.goto(at('/funds'));
    await page.getByRole('link', { name: /Gedung/ }).click();
    await page.getByText('2,500,000').first().waitFor();
    await page.getByText('Lantai dua').first().waitFor();
    await page.getByText(/8,000,000/).first().waitFor(); // the goal, with the decimals that the node says
    expect(await page.getByText('Kotak gedung').count()).toBe(0);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await kept(page, '/v1/wallet/public/funds/building', '/v1/welcome');
    const whole = page.errors.length;
    expect(page.errors).toEqual([]);

    await w.page.goto(at('/treasury/approvals'));
    await field(w.page, 'treasury.show').count();
    await w.page.getByRole('group', { name: say('treasury.show') }).first().getByRole('button', { name: say('treasury.show_all') }).click();
    await w.page.getByText('Semen.').waitFor();
    await w.wire.down();
    await page.reload();
    await page.getByText('2,500,000').first().waitFor();
    await page.getByText(new RegExp(say('fund.old', { time: '§' }).split('§')[0])).waitFor();

    // A treasurer sees what was known, and can decide nothing.
    await w.page.reload();
    await shown(w.page, 'treasury.away');
    await expect.poll(() => button(w.page, 'treasury.releaseNew').isDisabled()).toBe(true);
    await w.wire.up();
    await expect.poll(() => button(w.page, 'treasury.releaseNew').isDisabled(), { timeout: 30_000 }).toBe(false);
    await page.getByText(new RegExp(say('fund.asOf', { time: '§' }).split('§')[0])).waitFor({ timeout: 30_000 });
    expect(page.errors.length).toBeGreaterThan(whole);
  });
});
