import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { person } from '../fixture/browser.mjs';
import { policy } from '../fixture/server.mjs';
import { world } from './helpers.mjs';

const w = world({ setup: true });

test('a new box: from its code to its first reading', async () => {
  const page = await person(w.browser, { url: w.node.url, state: w.node.state, signedIn: false });
  await page.goto(w.node.url + '/');
  await page.waitForURL(/setup/);
  await page.getByLabel('Set-up code').fill('WRONG');
  await page.getByLabel('What people call this place').fill('Klinik An-Nur');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Amina');
  await page.getByLabel('Sign-in name').fill('amina');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('the set-up code is wrong').waitFor();
  await page.getByRole('button', { name: 'Back' }).click();
  expect(await page.getByLabel('What people call this place').inputValue()).toBe('Klinik An-Nur');
  await page.getByLabel('Set-up code').fill('SETUP-1');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Amina');
  await page.getByLabel('Sign-in name').fill('amina');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Create' }).click();

  await page.getByRole('button', { name: 'Set up an app' }).click();
  await page.getByLabel('Code of your app').fill('123456');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('k3m9-2xqa').waitFor();
  await page.getByRole('button', { name: 'I have them' }).click();

  await page.getByLabel('Join code').evaluate((el) => {
    const data = new DataTransfer();
    data.setData('text', 'aielon-edge join 10.0.0.1:8443 AE1.AB.C.D');
    el.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  });
  expect(await page.getByLabel('Address of the hub').inputValue()).toBe('10.0.0.1:8443');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByText('Joined 10.0.0.1:8443').waitFor();
  await page.getByRole('button', { name: 'Next' }).click();

  await page.getByLabel('Name', { exact: true }).fill('Kulkas Vaksin');
  expect(await page.getByLabel('Id', { exact: true }).inputValue()).toBe('kulkas-vaksin');
  await page.getByRole('button', { name: 'Add a device' }).click();
  await page.getByText('aed_4Qm9').waitFor();
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByText('Waiting for Kulkas Vaksin').waitFor();
  await expect.poll(() => w.node.state.subscriptions.length).toBe(1);
  w.node.push('WatchReadings', { device: 'kulkas-vaksin', time: new Date().toISOString(), samples: [{ name: 'temperature', unit: 'Cel', number: 4.1 }] });
  await page.getByText('Kulkas Vaksin is there').waitFor();
  await page.getByText('4.1').waitFor();
  await page.getByRole('button', { name: 'Go to the home page' }).click();
  await page.getByRole('heading', { name: 'Nothing is lost' }).waitFor();
  expect(w.node.state.commands.map((c) => c.path)).toEqual(['/v1/setup', '/v1/settings/site.name', '/v1/me/totp/begin', '/v1/me/totp/confirm', '/v1/hub/join', '/v1/devices']);
  // No secret lies anywhere in the browser's stores.
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(stored).not.toMatch(/aed_|SETUP|horse|k3m9/);
  expect(page.errors).toEqual([]);
  await page.context().close();
});

test('the tests run under the policy that the node sends', () => {
  const go = readFileSync(new URL('../../../portal.go', import.meta.url), 'utf8');
  expect(go).toContain(`"${policy}"`);
});
