import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { pages, person } from '../fixture/browser.mjs';
import { world } from './helpers.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const w = world();

// Every page in both directions of writing; the themes and sizes alternate, so that each is met in both.
const ways = [
  { lang: 'en', theme: 'light', phone: true },
  { lang: 'ar', theme: 'dark', phone: false },
  { lang: 'ur', theme: 'light', phone: true },
  { lang: 'id', theme: 'dark', phone: false },
];

test.each(ways)('axe finds nothing on any page: $lang $theme', async (way) => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state, ...way });
  const found = [];
  for (const path of pages) {
    await page.goto(w.node.url + path);
    await page.locator('h1').waitFor();
    await page.waitForTimeout(400);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    for (const v of violations) found.push(`${path} ${v.id}: ${v.nodes.map((n) => n.target + ' ' + (n.any[0]?.message ?? '')).slice(0, 3).join(' | ')}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) found.push(`${path} is ${wide} px too wide`);
    expect(await page.evaluate(() => document.documentElement.dir)).toBe(way.lang === 'ar' || way.lang === 'ur' ? 'rtl' : 'ltr');
  }
  expect(found).toEqual([]);
  expect(page.errors).toEqual([]);
  await page.context().close();
}, 240_000);

test('dialogs, too', async () => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state });
  const found = [];
  const look = async (what) => {
    await page.getByRole('dialog').waitFor();
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    for (const v of violations) found.push(`${what} ${v.id}: ${v.nodes.map((n) => n.target).slice(0, 3).join(' | ')}`);
    await page.keyboard.press('Escape');
  };
  await page.goto(w.node.url + '/people');
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  await look('invite');
  await page.getByRole('link', { name: /Yusuf Hidayat/ }).click();
  await page.getByRole('button', { name: 'Change', exact: true }).click();
  await look('person');
  for (const [path, button] of [['/webhooks', 'Add a webhook'], ['/webhooks/w1', 'Send a test'], ['/tokens', 'New token'], ['/programs', 'Register a program'], ['/programs/c1', 'Remove'], ['/settings', 'Change']]) {
    await page.goto(w.node.url + path);
    await page.getByRole('main').getByRole('button', { name: button }).last().click();
    await look(path);
  }
  await page.goto(w.node.url + '/people/p-maryam');
  await page.getByRole('heading', { level: 1 }).waitFor(); // keys count once the page is there
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('dev');
  await look('palette');
  await page.getByRole('button', { name: 'Menu' }).click();
  await look('menu');
  expect(found).toEqual([]);
  await page.context().close();
});
