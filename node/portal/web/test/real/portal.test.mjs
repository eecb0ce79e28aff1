// The portal against the real program, on a phone, in both directions of writing: a new box, its first person, a
// held link, no network, and back.
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { launch } from '../fixture/browser.mjs';
import { publish } from './mqtt.mjs';
import { kept, person } from './person.mjs';
import { speaker } from './texts.mjs';
import { Wire } from './wire.mjs';
import { Program, startWorld } from './world.mjs';

const password = 'tujuh kambing di atas bukit';

describe.each(['en', 'ar'])('in %s', (lang) => {
  const w = {};
  const say = speaker(lang);

  beforeAll(async () => {
    w.world = await startWorld();
    w.hub = await new Program(w.world.hub.url).setUp(w.world.hub.code, 'hub-admin', password);
    w.api = new Program(w.world.node.url);
    w.wire = await new Wire(w.world.node.url).up();
    w.browser = await launch([w.wire.rule]);
    w.page = await person(w.browser, { lang, passkeys: true });
  });

  afterAll(async () => {
    await w.browser?.close();
    await w.wire?.down();
    await w.world?.close();
  });

  // What the person saw when it went wrong.
  beforeEach(() =>
    onTestFailed(async () => {
      await w.page?.screenshot({ path: 'test/real/failed.png', fullPage: true });
      console.log(w.page?.url().slice(0, 200), w.page?.errors, w.world?.node.log);
    }),
  );

  const send = (id, token, values) => publish(w.world.node.mqtt, id, token, values.map((value) => ({ topic: `${id}/temperature`, value })));
  // What is zero is left out of an answer.
  const total = async () => ({ waiting: '0', lost: '0', ...(await w.api.ask('GET', '/v1/ledger')).total });
  const atHub = async () => Number((await w.hub.ask('GET', '/v1/hub/sites')).sites?.find((s) => s.site === 'clinic')?.received ?? 0);
  const siteName = async () => (await w.api.ask('GET', '/v1/settings')).settings?.find((s) => s.key === 'site.name');

  const button = (key, values) => w.page.getByRole('button', { name: say(key, values), exact: true });
  const field = (key) => w.page.getByLabel(say(key), { exact: true });
  const heading = (key) => w.page.getByRole('heading', { name: say(key) });
  const shown = (key, values) => w.page.getByText(say(key, values)).first().waitFor();

  /** Goes where a person would: the bar at the foot of the phone. */
  const visit = (place) => w.page.getByRole('navigation').last().getByRole('link', { name: say(`nav.${place}`), exact: true }).click();

  const nameRow = () => w.page.getByRole('listitem').filter({ hasText: say('setting.site-name') });

  async function rename(value) {
    await nameRow().getByRole('button', { name: say('common.edit') }).click();
    await w.page.getByRole('textbox', { name: say('setting.site-name') }).fill(value);
    await button('common.save').click();
  }

  test('a new box: from its printed code to its first reading', async () => {
    const { page } = w;
    await page.goto(w.world.node.url);
    await page.waitForURL(/setup/);
    expect(await page.evaluate(() => [document.documentElement.dir, document.documentElement.lang])).toEqual([lang === 'ar' ? 'rtl' : 'ltr', lang]);
    await field('setup.code').fill(w.world.node.code);
    await field('setup.siteName').fill('Klinik An-Nur');
    await button('common.next').click();
    await field('people.name').fill('Amina binti Yusof');
    await field('signin.login').fill('amina');
    await field('signin.password').fill(password);
    await button('setup.make').click();

    await button('account.addPasskey').click();
    await field('account.passkeyName').fill('my phone');
    await button('account.addPasskey').click();

    const invited = await w.hub.ask('POST', '/v1/join-codes', { role: 'site', site: 'clinic' });
    await field('join.code').fill(invited.code);
    await field('setup.hubAddress').fill(invited.address);
    await button('setup.join').click();
    await page.getByText(new RegExp(say('setup.joined', { hub: '§' }).replace('.', '\\.').replace('§', '127.0.0.1:\\d+'))).waitFor();
    await button('common.next').click();

    await field('devices.name').fill('Kulkas Vaksin');
    await button('devices.add').click();
    w.token = await page.locator('code').first().innerText();
    await button('devices.tokenKept').click();
    await shown('setup.waiting', { name: 'Kulkas Vaksin' });
    await send('kulkas-vaksin', w.token, [4.1]);
    await shown('setup.arrived', { name: 'Kulkas Vaksin' });
    await page.getByText('4.1').waitFor();
    await button('setup.finish').click();
    await heading('ledger.nothingLost').waitFor();
    await shown('link.connected');
    await w.api.signIn('amina', password);
  });

  test('the link is held, work goes on, and nothing is lost', async () => {
    const { page } = w;
    await button('link.hold').click();
    await shown('link.held');
    await expect.poll(async () => (await w.api.ask('GET', '/v1/status')).link.connected ?? false).toBe(false);
    const before = await atHub();
    await send('kulkas-vaksin', w.token, [4.2, 4.3, 4.4, 4.5, 4.6]);
    await expect.poll(async () => Number((await total()).waiting)).toBeGreaterThanOrEqual(5);

    await visit('devices');
    await page.getByText('4.6').waitFor();
    await button('devices.add').click();
    await field('devices.name').fill('Timbangan');
    await page.getByRole('dialog').getByRole('button', { name: say('devices.add') }).click();
    const scales = await page.getByRole('dialog').locator('code').first().innerText();
    await button('devices.tokenKept').click();
    await page.getByRole('link', { name: /Timbangan/ }).click();
    await button('common.edit').click();
    await field('devices.name').fill('Timbangan bayi');
    await button('common.save').click();
    await page.getByRole('heading', { name: 'Timbangan bayi' }).waitFor();
    await send('timbangan', scales, [3.4]);
    await page.getByText('3.4').first().waitFor();
    expect(await atHub()).toBe(before);

    await visit('home');
    await button('link.release').click();
    await shown('link.connected');
    await expect.poll(total, { timeout: 30_000 }).toMatchObject({ waiting: '0', lost: '0' });
    await heading('ledger.nothingLost').waitFor();
    // Everything that was acknowledged meanwhile, and nothing twice: the hub counts what the node counts.
    await expect.poll(atHub).toBeGreaterThanOrEqual(before + 6);
    const { accepted, onHub } = await total();
    expect(onHub).toBe(accepted);
    const site = (await w.hub.ask('GET', '/v1/hub/sites')).sites.find((s) => s.site === 'clinic');
    expect({ skipped: '0', lost: '0', ...site }).toMatchObject({ skipped: '0', lost: '0' });
  });

  test('out, and in again by passkey', async () => {
    const { page } = w;
    await page.goto(`${w.world.node.url}/account`);
    await page.getByText('my phone').waitFor();
    await button('menu.signOut').click();
    await heading('signin.title').waitFor();
    await button('signin.passkey').click();
    await heading('ledger.nothingLost').waitFor();
  });

  test('without a network the pages stand, and a change is made once when it is back', async () => {
    const { page } = w;
    const before = await siteName();
    await visit('devices');
    await page.getByText('Timbangan bayi').waitFor();
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await page.goto(`${w.world.node.url}/settings`);
    await nameRow().waitFor();
    await kept(page, '/v1/devices', '/v1/settings', '/v1/me');
    w.whole = page.errors.length;
    await w.wire.down();
    await page.goto(`${w.world.node.url}/devices`);
    await page.getByText('Timbangan bayi').waitFor();
    await shown('connection.noNode');
    await page.goto(`${w.world.node.url}/settings`);
    await rename('Klinik An-Nur Barat');
    await shown('outbox.kept');
    await page.reload(); // what waits survives
    await button('outbox.chip', { count: 1 }).waitFor();
    expect(await siteName()).toEqual(before);
    await w.wire.up();
    await expect.poll(async () => (await siteName()).value, { timeout: 30_000 }).toBe('Klinik An-Nur Barat');
    await button('outbox.chip', { count: 1 }).waitFor({ state: 'detached' });
    expect(Number((await siteName()).version)).toBe(Number(before.version) + 1);
  });

  test.each([
    ['before', 'Klinik An-Nur Timur'],
    ['after', 'Klinik An-Nur Selatan'],
  ])('the connection ends %s the request got through: it is done once', async (when, value) => {
    const { page } = w;
    await page.goto(`${w.world.node.url}/settings`);
    await nameRow().waitFor();
    const before = await siteName();
    w.wire.cut('PUT /v1/settings/site.name', when);
    await rename(value);
    await button('outbox.chip', { count: 1 }).waitFor();
    // The node did it, or it did not; the person in front of the page cannot know.
    await expect.poll(async () => (await siteName()).value).toBe(when === 'after' ? value : before.value);
    await w.wire.up();
    await button('outbox.chip', { count: 1 }).waitFor({ state: 'detached', timeout: 30_000 });
    await page.getByText(value).first().waitFor();
    expect(w.wire.keys.length).toBeGreaterThanOrEqual(2);
    expect(new Set(w.wire.keys).size).toBe(1);
    expect(await siteName()).toMatchObject({ value, version: String(Number(before.version) + 1) });
  });

  test('the browser had nothing to complain about while the node was there', async () => {
    expect(w.page.errors.slice(0, w.whole)).toEqual([]);
    // Without a network, requests that fail are meant to; nothing else is.
    expect(w.page.errors.filter((e) => !/ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)/.test(e))).toEqual([]);
  });
});
