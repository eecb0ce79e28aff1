import { expect, test } from 'vitest';
import { person } from '../fixture/browser.mjs';
import { world } from './helpers.mjs';

const w = world();

/** Presses Tab until the named thing has the keyboard, and fails if it never does. */
async function tabTo(page, role, name) {
  const wanted = page.getByRole(role, { name, exact: true });
  for (let i = 0; i < 30; i++) {
    if (await wanted.evaluate((el) => el === document.activeElement).catch(() => false)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never reached ${name}`);
}

test('signing in needs no mouse, says why it is refused, and goes on to where one was going', async () => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state, signedIn: false });
  await page.goto(w.node.url + '/devices/fridge-vaccine');
  await page.waitForURL(/sign-in/);
  await tabTo(page, 'textbox', 'Sign-in name');
  await page.keyboard.type('amina');
  await tabTo(page, 'textbox', 'Password');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('the name or the password is wrong').waitFor();
  await page.getByText('check both, or ask an administrator').waitFor();
  expect(await page.getByRole('textbox', { name: 'Sign-in name' }).inputValue()).toBe('amina');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'One more proof' }).waitFor();
  await page.keyboard.type('123456');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Kulkas vaksin' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/devices/fridge-vaccine');

  // And on by keyboard: the palette, a page, and out.
  await page.keyboard.press('/');
  await page.getByRole('combobox').waitFor();
  await page.keyboard.type('audit');
  await page.getByRole('option', { name: 'Audit', selected: true }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Audit' }).waitFor();
  await page.goto(w.node.url + '/account');
  await tabTo(page, 'button', 'Sign out');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(w.node.state.sessions.size).toBe(0);
  const kept = await page.evaluate(() => new Promise((done) => {
    const open = indexedDB.open('aielon');
    open.onsuccess = () => {
      const all = open.result.transaction('reads').objectStore('reads').getAll();
      all.onsuccess = () => done(all.result.filter((r) => r.user !== '').length);
    };
  }));
  expect(kept).toBe(0);
  expect(page.errors).toEqual([]);
  await page.context().close();
});

test.each(['https://evil.example/', '//evil.example/', '/\\evil.example'])('signing in never leads to %s', async (next) => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state, signedIn: false });
  await page.goto(`${w.node.url}/sign-in?next=${encodeURIComponent(next)}`);
  await page.getByLabel('Sign-in name').fill('amina');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByLabel('Code of your app').fill('123456');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Home' }).waitFor();
  expect(new URL(page.url()).origin).toBe(new URL(w.node.url).origin);
  await page.context().close();
});
