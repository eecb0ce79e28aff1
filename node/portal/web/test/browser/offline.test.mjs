import { expect, test } from 'vitest';
import { person } from '../fixture/browser.mjs';
import { kept } from '../real/person.mjs';
import { world } from './helpers.mjs';

const w = world();
const renames = () => w.node.state.commands.filter((c) => c.method === 'PATCH');

async function rename(page, name) {
  await page.getByRole('button', { name: 'Change', exact: true }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('button', { name: 'Save' }).click();
}

test('without a node the app opens, shows what was known, and keeps changes to be made once', async () => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state });
  await page.goto(w.node.url + '/devices/fridge-vaccine');
  await page.getByRole('heading', { name: 'Kulkas vaksin' }).waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await kept(page, '/v1/devices/fridge-vaccine');
  await page.goto(w.node.url + '/');
  await page.getByText('1,840,072').first().waitFor();
  await kept(page, '/v1/status', '/v1/me');

  await w.node.down();
  await page.reload();
  await page.getByText('1,840,072').first().waitFor();
  await page.getByText('Node unreachable').waitFor();
  await page.getByText('The node cannot be reached. You see what was known').waitFor();

  await page.goto(w.node.url + '/devices/fridge-vaccine');
  await page.getByRole('heading', { name: 'Kulkas vaksin' }).waitFor();
  await rename(page, 'Kulkas vaksin 2');
  await page.getByText('Kept here.').waitFor();
  await rename(page, 'never sent');
  await rename(page, 'forbidden');
  await page.getByRole('button', { name: '3 wait' }).click();
  await page.getByRole('listitem').filter({ hasText: 'Change device never sent' }).getByRole('button', { name: 'Do not send' }).click();
  await page.keyboard.press('Escape');

  // A reload in between: what waits lies in the browser's store, not in the page.
  await page.reload();
  await page.getByRole('button', { name: '2 wait' }).waitFor();
  expect(renames()).toEqual([]);

  await w.node.up(new URL(w.node.url).port);
  await page.getByRole('button', { name: '1 waits' }).waitFor({ timeout: 40_000 });
  await page.getByRole('heading', { name: 'Kulkas vaksin 2' }).waitFor();
  expect(renames().map((c) => c.body.name)).toEqual(['Kulkas vaksin 2']);
  await page.getByRole('button', { name: '1 waits' }).click();
  await page.getByText('this name is not allowed here').waitFor();
  await page.getByRole('button', { name: 'Put away' }).click();
  await page.getByText('Nothing waits').waitFor();
  await page.context().close();
});

test('a change whose answer was lost is not made twice', async () => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state });
  await page.goto(w.node.url + '/devices/co2-waiting');
  await page.getByRole('heading', { name: 'Ruang tunggu' }).waitFor();
  const before = renames().length;
  w.node.state.loseAnswer = true;
  await rename(page, 'Ruang tunggu B');
  await page.getByText('Kept here.').waitFor();
  expect(renames()).toHaveLength(before + 1);
  w.node.state.loseAnswer = false;
  await page.getByRole('button', { name: /1 waits/ }).waitFor({ state: 'detached', timeout: 40_000 });
  await page.getByRole('heading', { name: 'Ruang tunggu B' }).waitFor();
  expect(renames()).toHaveLength(before + 1);
  await page.context().close();
});

test('values arrive live, and go on after the connection was cut', async () => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state });
  await page.goto(w.node.url + '/devices');
  const row = page.getByRole('link').filter({ hasText: 'bp-ward-2' });
  await row.getByText('nothing yet').waitFor();
  const send = (n) => w.node.push('WatchReadings', { device: 'bp-ward-2', time: new Date(Date.now() + n).toISOString(), samples: [{ name: 'systolic', unit: 'mm[Hg]', number: n }] });
  await expect.poll(() => w.node.state.subscriptions.length).toBeGreaterThan(0);
  send(124);
  await row.getByText('124').waitFor();
  for (const c of w.node.state.sockets) c.destroy();
  await expect.poll(() => w.node.state.subscriptions.length).toBe(0);
  await expect.poll(() => w.node.state.subscriptions.filter((s) => s.method.endsWith('WatchReadings')).length, { timeout: 10_000 }).toBe(1);
  send(131);
  await row.getByText('131').waitFor();
  await page.context().close();
});

test('a screen on a wall goes on without a node, and says how old its figures are', async () => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state, signedIn: false });
  await page.goto(w.node.url + '/display');
  await page.getByText('1,840,072').waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await w.node.down();
  await page.reload();
  await page.getByText('1,840,072').waitFor();
  await page.getByText(/These figures are from/).waitFor();
  await w.node.up(new URL(w.node.url).port);
  await page.getByText(/These figures are from/).waitFor({ state: 'detached', timeout: 40_000 });
  await page.context().close();
});
