// Every page of the portal as people meet it, in a region of the real program (demo.mjs).
const dialog = (page) => page.getByRole('dialog').waitFor();

// Of the wallet and the counter, in every language: by place and not by name.
const act = (page, n) => page.getByRole('main').getByRole('button').nth(n).click().then(() => dialog(page));
const tab = (page, n) => page.getByRole('tab').nth(n).click().then(() => page.waitForTimeout(600));
const counter = (page) => page.getByRole('tabpanel').getByRole('button');

async function choose(page) {
  await counter(page).first().click();
  await page.getByRole('dialog').getByRole('searchbox').fill('Tabungan');
  await page.getByRole('dialog').getByRole('listitem').getByRole('button').first().click();
}

async function merchant(page) {
  const [name, city, country] = await page.locator('details input').all();
  await name.fill('KLINIK AN-NUR');
  await city.fill('JAKARTA');
  await country.fill('ID');
  await page.locator('details select').selectOption('8099');
  await counter(page).last().waitFor();
  await page.getByRole('tabpanel').getByRole('img').waitFor();
}

async function reckon(page) {
  await page.locator('form input[inputmode=decimal]').first().fill('250000000');
  await page.locator('fieldset button').first().click();
  await page.locator('fieldset input').first().fill('12.5');
  await page.locator('form button[type=submit]').click();
  await page.waitForTimeout(600);
}

/** The account with a statement, and that statement. */
async function ofBank(p) {
  await p.locator('select').first().selectOption(await p.locator('option', { hasText: 'Bank, kas umum' }).getAttribute('value'));
  await p.getByRole('main').locator('li button').first().click();
  await p.locator('dl').first().waitFor();
}

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
  { name: 'wallet', path: '/wallet', who: 'member' },
  { name: 'wallet-account', path: '/wallet/{memberAccount}', who: 'member' },
  { name: 'wallet-zakat', path: '/wallet/zakat', who: 'member', then: reckon },
  { name: 'wallet-pay', path: '/wallet', who: 'member', then: (p) => act(p, 0) },
  { name: 'wallet-send', path: '/wallet', who: 'member', then: (p) => act(p, 1) },
  { name: 'wallet-give', path: '/wallet', who: 'member', then: (p) => act(p, 2) },
  { name: 'cashier', path: '/cashier', who: 'officer', then: (p) => choose(p).then(() => p.getByRole('textbox').fill('125000')) },
  { name: 'cashier-account', path: '/cashier', who: 'officer', then: (p) => counter(p).first().click().then(() => dialog(p)) },
  { name: 'cashier-holds', path: '/cashier', who: 'officer', then: (p) => tab(p, 1) },
  { name: 'cashier-hold', path: '/cashier', who: 'officer', then: (p) => tab(p, 1).then(() => p.locator('li button').first().click()).then(() => dialog(p)) },
  { name: 'cashier-codes', path: '/cashier', who: 'officer', then: (p) => tab(p, 2).then(() => choose(p)).then(() => merchant(p)) },
  { name: 'cashier-invoice', path: '/cashier', who: 'officer', then: (p) => tab(p, 2).then(() => p.locator('section header button').last().click()).then(() => dialog(p)) },
  { name: 'cashier-today', path: '/cashier', who: 'officer', then: (p) => tab(p, 3) },
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
  { name: 'treasury-statement', path: '/treasury/bank', who: 'officer', then: ofBank },
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
export const logins = (demo) => ({ node: demo.login, hub: demo.hubLogin, officer: 'loket', reviewer: 'zainab', member: 'siti' });

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
