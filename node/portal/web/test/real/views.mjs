// Every page of the portal as people meet it, in a region of the real program (demo.mjs).
const dialog = (page) => page.getByRole('dialog').waitFor();

/** who: node and hub are signed in there, officer and reviewer at the node; nobody is not; fresh is a box that nobody has set up. */
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
  { name: 'home-officer', path: '/', who: 'officer' },
  { name: 'treasury', path: '/treasury', who: 'officer' },
  { name: 'treasury-fund', path: '/treasury/funds/sadaqah:roof', who: 'officer' },
  { name: 'treasury-waqf', path: '/treasury/funds/waqf_yield:sawah', who: 'officer' },
  { name: 'treasury-campaign', path: '/treasury/funds/building', who: 'officer', then: (p) => p.getByRole('main').locator('section', { has: p.locator('li') }).getByRole('button').last().click().then(() => dialog(p)) },
  { name: 'treasury-approvals', path: '/treasury/approvals', who: 'officer' },
  { name: 'treasury-release', path: '/treasury/approvals', who: 'officer', then: (p) => p.locator('header').getByRole('button').last().click().then(() => dialog(p)) },
  { name: 'treasury-zakat', path: '/treasury/zakat', who: 'officer' },
  { name: 'treasury-case', path: '/treasury/zakat/{zakatCase}', who: 'officer' },
  { name: 'treasury-reckon', path: '/treasury/zakat/desk', who: 'officer' },
  { name: 'treasury-bank', path: '/treasury/bank', who: 'officer' },
  { name: 'treasury-import', path: '/treasury/bank', who: 'officer', then: (p) => p.locator('section').getByRole('button').first().click().then(() => dialog(p)) },
  { name: 'treasury-accounts', path: '/treasury/accounts', who: 'officer' },
  { name: 'treasury-account', path: '/treasury/accounts', who: 'officer', then: (p) => p.locator('li').getByRole('button').first().click().then(() => dialog(p)) },
  { name: 'treasury-books', path: '/treasury/books', who: 'officer' },
  { name: 'treasury-reviewer', path: '/treasury/approvals', who: 'reviewer' },
  { name: 'funds', path: '/funds', who: 'nobody' },
  { name: 'fund', path: '/funds/sadaqah:roof', who: 'nobody' },
  { name: 'fund-screen', path: '/funds/building/screen', who: 'nobody' },
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

/** Who signs in as whom; the others do not. */
export const logins = (demo) => ({ node: demo.login, hub: demo.hubLogin, officer: 'loket', reviewer: 'zainab' });

export async function sessions(browser, demo) {
  const all = Object.entries(logins(demo)).map(async ([who, login]) => [who, await signedIn(browser, origin(demo, { who }), login, demo.password)]);
  return Object.fromEntries(await Promise.all(all));
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
