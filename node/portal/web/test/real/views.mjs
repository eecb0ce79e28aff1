// Every page of the portal as people meet it, in a region of the real program (demo.mjs).
const dialog = (page) => page.getByRole('dialog').waitFor();

/** who: node and hub are signed in there; nobody is not; fresh is a box that nobody has set up. */
export const views = [
  { name: 'home', path: '/', who: 'node' },
  { name: 'home-ledger', path: '/', who: 'node', then: (p) => p.locator('summary').first().click() },
  { name: 'home-parts', path: '/', who: 'node', then: (p) => p.locator('summary').last().click() },
  { name: 'home-hub', path: '/', who: 'hub' },
  { name: 'hub', path: '/hub', who: 'hub' },
  { name: 'devices', path: '/devices', who: 'node' },
  { name: 'device', path: '/devices/kulkas-vaksin', who: 'node' },
  { name: 'device-silent', path: '/devices/genset', who: 'node' },
  { name: 'site', path: '/site', who: 'node' },
  { name: 'people', path: '/people', who: 'node' },
  { name: 'person', path: '/people/{person}', who: 'node' },
  { name: 'roles', path: '/people/roles', who: 'node' },
  { name: 'tokens', path: '/tokens', who: 'node' },
  { name: 'programs', path: '/programs', who: 'node' },
  { name: 'program', path: '/programs/{program}', who: 'node' },
  { name: 'program-new', path: '/programs', who: 'node', then: (p) => p.getByRole('main').getByRole('button').first().click().then(() => dialog(p)) },
  { name: 'token-new', path: '/tokens', who: 'node', then: (p) => p.getByRole('main').getByRole('button').first().click().then(() => dialog(p)) },
  { name: 'webhooks', path: '/webhooks', who: 'node' },
  { name: 'webhook', path: '/webhooks/{webhook}', who: 'node' },
  { name: 'record', path: '/audit/{record}', who: 'node' },
  { name: 'audit', path: '/audit', who: 'node' },
  { name: 'settings', path: '/settings', who: 'node' },
  { name: 'search', path: '/search?q=kul', who: 'node' },
  { name: 'about', path: '/about', who: 'node' },
  { name: 'account', path: '/account', who: 'node' },
  { name: 'install', path: '/install', who: 'nobody' },
  { name: 'sign-in', path: '/sign-in', who: 'nobody' },
  { name: 'welcome', path: '/welcome#{invitation}', who: 'nobody' },
  { name: 'setup', path: '/setup', who: 'fresh' },
  { name: 'display', path: '/display', who: 'nobody' },
  { name: 'nowhere', path: '/nowhere', who: 'node' },
  { name: 'menu', path: '/', who: 'node', then: (p) => p.locator('header').getByRole('button').last().click().then(() => dialog(p)) },
  { name: 'palette', path: '/', who: 'node', then: (p) => p.keyboard.press('/').then(() => dialog(p)).then(() => p.keyboard.type('a')) },
];

export const origin = (demo, view) => ({ hub: demo.hub, fresh: demo.fresh })[view.who] ?? demo.node;

export async function enter(page, url, login, password) {
  await page.goto(`${url}/sign-in`);
  await page.locator('[name=login]').fill(login);
  await page.locator('[name=password]').fill(password);
  await page.keyboard.press('Enter');
  await page.waitForURL((u) => u.pathname === '/');
}

/** Signs somebody in once, and answers what a browser that did so keeps. */
export async function signedIn(browser, url, login, password) {
  const context = await browser.newContext({ locale: 'en' });
  await enter(await context.newPage(), url, login, password);
  const state = await context.storageState();
  await context.close();
  return state;
}

export async function sessions(browser, demo) {
  const [node, hub] = await Promise.all([signedIn(browser, demo.node, demo.login, demo.password), signedIn(browser, demo.hub, demo.hubLogin, demo.password)]);
  return { node, hub };
}

/** Where a view is; some are of what the demo made. */
export const address = (demo, view) => origin(demo, view) + view.path.replace(/{(\w+)}/g, (_, name) => demo[name]);

/** Goes to a view and waits until it shows what it has. */
export async function visit(page, demo, view) {
  await page.goto(address(demo, view));
  await page.locator('h1').first().waitFor();
  await page.locator('[role=status][aria-label]').first().waitFor({ state: 'detached', timeout: 5_000 }).catch(() => {});
  await page.waitForTimeout(350);
  await view.then?.(page);
  if (view.then) await page.waitForTimeout(250);
}
