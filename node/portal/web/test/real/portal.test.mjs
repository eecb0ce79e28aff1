// The portal against the real program: a new box, its first person, a held link, no network, and back.
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { launch } from '../fixture/browser.mjs';
import { publish } from './mqtt.mjs';
import { person } from './person.mjs';
import { Program, startWorld } from './world.mjs';

const password = 'tujuh kambing di atas bukit';
const w = {};

beforeAll(async () => {
  [w.browser, w.world] = await Promise.all([launch(), startWorld()]);
  w.hub = new Program(w.world.hub.url);
  await w.hub.setUp(w.world.hub.code, 'hub-admin', password);
  w.api = new Program(w.world.node.url);
  w.page = await person(w.browser, { passkeys: true });
});

afterAll(async () => {
  await w.browser?.close();
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
const path = (page) => new URL(page.url()).pathname;

/** Goes where a person would: the bar at the foot of the phone. */
const visit = (name) => w.page.getByRole('navigation').last().getByRole('link', { name, exact: true }).click();

test('a new box: from its printed code to its first reading', async () => {
  const { page } = w;
  await page.goto(w.world.node.url);
  await page.waitForURL(/setup/);
  await page.getByLabel('Set-up code').fill(w.world.node.code);
  await page.getByLabel('What people call this place').fill('Klinik An-Nur');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Amina binti Yusof');
  await page.getByLabel('Sign-in name').fill('amina');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Create' }).click();

  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByLabel('Name of the device').fill('my phone');
  await page.getByRole('button', { name: 'Add a passkey' }).click();

  const invited = await w.hub.ask('POST', '/v1/join-codes', { role: 'site', site: 'clinic' });
  await page.getByLabel('Join code').fill(invited.code);
  await page.getByLabel('Address of the hub').fill(invited.address);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByText(/^Joined /).waitFor();
  await page.getByRole('button', { name: 'Next' }).click();

  await page.getByLabel('Name', { exact: true }).fill('Kulkas Vaksin');
  await page.getByRole('button', { name: 'Add a device' }).click();
  w.token = await page.locator('code').first().innerText();
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByText('Waiting for Kulkas Vaksin').waitFor();
  await send('kulkas-vaksin', w.token, [4.1]);
  await page.getByText('Kulkas Vaksin is there').waitFor();
  await page.getByText('4.1').waitFor();
  await page.getByRole('button', { name: 'Go to the home page' }).click();
  await page.getByRole('heading', { name: 'Nothing is lost' }).waitFor();
  await page.getByText('Connected. What waits is being sent.').waitFor();
  await w.api.signIn('amina', password);
});

test('the link is held, work goes on, and nothing is lost', async () => {
  const { page } = w;
  await page.getByRole('button', { name: 'Hold the link' }).click();
  await page.getByText('Held by a person.').waitFor();
  await expect.poll(async () => (await w.api.ask('GET', '/v1/status')).link.connected ?? false).toBe(false);
  await send('kulkas-vaksin', w.token, [4.2, 4.3, 4.4, 4.5, 4.6]);
  await expect.poll(async () => Number((await total()).waiting)).toBeGreaterThanOrEqual(5);
  await page.getByText('waiting', { exact: true }).first().waitFor();

  await visit('Devices');
  await page.getByText('4.6').waitFor();
  await page.getByRole('button', { name: 'Add a device' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Timbangan');
  await page.getByRole('dialog').getByRole('button', { name: 'Add a device' }).click();
  const scales = await page.getByRole('dialog').locator('code').first().innerText();
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('link', { name: /Timbangan/ }).click();
  await page.getByRole('button', { name: 'Change' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Timbangan bayi');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Timbangan bayi' }).waitFor();
  await send('timbangan', scales, [3.4]);
  await page.getByText('3.4').first().waitFor();

  await visit('Home');
  await page.getByRole('button', { name: 'Let it go on' }).click();
  await page.getByText('Connected. What waits is being sent.').waitFor();
  await expect.poll(total, { timeout: 30_000 }).toMatchObject({ waiting: '0', lost: '0' });
  await page.getByRole('heading', { name: 'Nothing is lost' }).waitFor();
  const { sites } = await w.hub.ask('GET', '/v1/hub/sites');
  expect(sites.find((s) => s.site === 'clinic').skipped ?? '0').toBe('0');
});

test('out, and in again by passkey', async () => {
  const { page } = w;
  await page.goto(`${w.world.node.url}/account`);
  await page.getByText('my phone').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.getByRole('heading', { name: 'Nothing is lost' }).waitFor();
});

test('without a network the pages stand, and a change is made once when it is back', async () => {
  const { page } = w;
  const name = async () => (await w.api.ask('GET', '/v1/settings')).settings?.find((s) => s.key === 'site.name');
  const before = await name();
  await visit('Devices');
  await page.getByText('Timbangan bayi').waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.goto(`${w.world.node.url}/settings`);
  await page.getByText('Klinik An-Nur').first().waitFor();
  await page.context().setOffline(true);
  await page.goto(`${w.world.node.url}/devices`);
  await page.getByText('Timbangan bayi').waitFor();
  await page.getByText(/cannot be reached/).waitFor();
  await page.goto(`${w.world.node.url}/settings`);
  await rename(page, 'Klinik An-Nur Barat');
  await page.getByText('Kept here.').waitFor();
  await page.reload(); // what waits survives
  await page.getByRole('button', { name: '1 waits' }).waitFor();
  expect(await name()).toEqual(before);
  await page.context().setOffline(false);
  await expect.poll(async () => (await name()).value, { timeout: 30_000 }).toBe('Klinik An-Nur Barat');
  await page.getByRole('button', { name: '1 waits' }).waitFor({ state: 'detached' });
  expect(Number((await name()).version)).toBe(Number(before.version) + 1);
});

test('an answer that was lost on its way changes nothing twice', async () => {
  const { page } = w;
  const devices = async () => (await w.api.ask('GET', '/v1/settings')).settings.find((s) => s.key === 'site.name');
  const before = await devices();
  const keys = [];
  await page.goto(`${w.world.node.url}/settings`);
  await page.route('**/v1/settings/site.name', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) return route.continue();
    await route.fetch(); // the node did it
    await route.abort(); // and nobody heard
  });
  await rename(page, 'Klinik An-Nur Timur');
  await expect.poll(() => keys.length, { timeout: 30_000 }).toBe(2);
  await page.getByText('Klinik An-Nur Timur').first().waitFor();
  await page.getByRole('button', { name: '1 waits' }).waitFor({ state: 'detached' });
  await page.unroute('**/v1/settings/site.name');
  expect(new Set(keys).size).toBe(1);
  expect(await devices()).toMatchObject({ value: 'Klinik An-Nur Timur', version: String(Number(before.version) + 1) });
});

async function rename(page, value) {
  const row = page.getByRole('listitem').filter({ hasText: 'Name of the site' });
  await row.getByRole('button', { name: 'Change' }).click();
  await page.getByRole('textbox', { name: 'Name of the site' }).fill(value);
  await page.getByRole('button', { name: 'Save' }).click();
}

test('the same door in Arabic', async () => {
  const page = await person(w.browser, { lang: 'ar' });
  await page.goto(`${w.world.node.url}/devices`);
  await page.waitForURL(/sign-in/);
  expect(await page.evaluate(() => [document.documentElement.dir, document.documentElement.lang])).toEqual(['rtl', 'ar']);
  await page.locator('[name=login]').fill('amina');
  await page.locator('[name=password]').fill(password);
  await page.keyboard.press('Enter');
  await page.getByText('Timbangan bayi').waitFor();
  expect(path(page)).toBe('/devices');
  expect(page.errors).toEqual([]);
  await page.context().close();
});

test('the browser had nothing to complain about while the node was there', () => {
  // Offline and the answer that was cut off are meant to fail.
  expect(w.page.errors.filter((e) => !/ERR_(INTERNET_DISCONNECTED|FAILED)/.test(e))).toEqual([]);
});
