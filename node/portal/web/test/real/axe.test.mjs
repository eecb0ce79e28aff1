// axe finds nothing on any page in use, and nothing is wider than its screen: the real program with people, devices,
// alarms and other sites in it. And whoever has no mouse gets through the wizard and in.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch } from '../fixture/browser.mjs';
import { password, startDemo } from './demo.mjs';
import { refresh } from './oauth.mjs';
import { person } from './person.mjs';
import { speaker } from './texts.mjs';
import { sessions, views, visit } from './views.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const w = {};

beforeAll(async () => {
  [w.browser, w.demo] = await Promise.all([launch(), startDemo()]);
  w.states = await sessions(w.browser, w.demo);
}, 120_000);

afterAll(async () => {
  await w.browser?.close();
  await w.demo?.close();
});

async function faults(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.any[0]?.message ?? ''}`).slice(0, 3).join(' | ')}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return wide > 0 ? [...found, `${wide} px too wide`] : found;
}

test.each([
  { lang: 'en', theme: 'dark', size: 'desktop' },
  { lang: 'ar', theme: 'light', size: 'phone' },
])('axe finds nothing: $lang $theme $size', async (way) => {
  const found = [];
  for (const who of new Set(views.map((v) => v.who))) {
    const page = await person(w.browser, { ...way, storageState: w.states[who] });
    for (const view of views.filter((v) => v.who === who)) {
      await visit(page, w.demo, view);
      for (const f of await faults(page)) found.push(`${view.name} ${f}`);
    }
    for (const e of page.errors) found.push(`${who} ${e}`);
    await page.context().close();
  }
  expect(found).toEqual([]);
}, 300_000);

test('a program is registered, or it is said why not, and removed', async () => {
  const page = await person(w.browser, { size: 'phone', lang: 'ar', storageState: w.states.node });
  const say = speaker('ar');
  const button = (key) => page.getByRole('button', { name: say(key), exact: true });
  await page.goto(`${w.demo.node}/programs`);
  await button('program.add').click();
  await page.getByLabel(say('program.name'), { exact: true }).fill('Apotek');
  await page.getByLabel(say('program.redirects')).fill('http://apotek.example.org/cb');
  await button('program.make').click();
  await page.getByRole('alert').getByText(say('said.redirect', { a: 'http://apotek.example.org/cb' })).waitFor();
  await page.getByLabel(say('program.redirects')).fill('https://apotek.example.org/cb');
  await button('program.make').click();
  await page.getByText(say('program.made', { name: 'Apotek' })).waitFor();
  await button('common.done').click();
  await page.getByRole('link', { name: /Apotek/ }).click();
  await button('common.remove').click();
  await page.getByRole('dialog').getByRole('button', { name: say('common.remove') }).click();
  await page.waitForURL(/programs$/);
  await page.getByRole('link', { name: /Apotek/ }).waitFor({ state: 'detached' });
  // What was refused stands in the browser's console, as every refusal does.
  expect(page.errors.filter((e) => !/400 \(Bad Request\)/.test(e))).toEqual([]);
  await page.context().close();
}, 60_000);

test('what a person let a program do is shown, and ended at once', async () => {
  const { demo } = w;
  const page = await person(w.browser, { size: 'phone', storageState: w.states.node });
  await page.goto(`${demo.node}/programs`);
  await page.getByRole('link', { name: /Ward tablet/ }).click();
  const row = page.getByRole('listitem').filter({ hasText: 'Dr. Farid Rahman' });
  await row.getByText('See which devices there are').waitFor();
  const again = await refresh(demo.node, demo.program, demo.refreshToken);
  expect(again.status).toBe(200);
  await row.getByRole('button', { name: 'End' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
  await row.waitFor({ state: 'detached' });
  expect((await refresh(demo.node, demo.program, again.refresh_token)).status).toBe(400);
  expect(page.errors).toEqual([]);
  await page.context().close();
}, 60_000);

/** Presses Tab until the first of what is named has the keyboard, and fails if it never does. */
async function tabTo(page, role, name) {
  const wanted = page.getByRole(role, { name, exact: true }).first();
  await wanted.waitFor();
  for (let i = 0; i < 40; i++) {
    if (await wanted.evaluate((el) => el === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never reached ${name}`);
}

const type = async (page, name, text) => {
  await tabTo(page, 'textbox', name);
  await page.keyboard.type(text);
};

const press = async (page, name) => {
  await tabTo(page, 'button', name);
  await page.keyboard.press('Enter');
};

test('through the wizard and in again by keyboard alone', async () => {
  const page = await person(w.browser, { size: 'desktop' });
  await page.goto(w.demo.fresh);
  await page.waitForURL(/setup/);
  await type(page, 'Set-up code', w.demo.code);
  await type(page, 'What people call this place', 'Surau An-Nur');
  await page.keyboard.press('Enter');
  await type(page, 'Name', 'Idris');
  await type(page, 'Sign-in name', 'idris');
  await type(page, 'Password', password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'A better proof' }).waitFor();
  await press(page, 'Later');
  await page.getByRole('heading', { name: 'Join a hub' }).waitFor();
  await press(page, 'Later');
  await type(page, 'Name', 'Meter');
  await page.keyboard.press('Enter');
  await press(page, 'I have it');
  await press(page, 'Go to the home page');
  await page.getByRole('heading', { name: 'Nothing is lost' }).waitFor();

  await press(page, 'Menu');
  await page.getByRole('dialog').waitFor();
  await press(page, 'Sign out');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await type(page, 'Sign-in name', 'idris');
  await type(page, 'Password', password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Nothing is lost' }).waitFor();
  expect(page.errors).toEqual([]);
});
