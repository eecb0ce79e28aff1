// A person's phone or computer: Chromium, with a passkey authenticator where asked for.
const sizes = { phone: [390, 844], tablet: [820, 1180], desktop: [1280, 800], tv: [1920, 1080] };

export async function person(browser, { lang = 'en', theme = 'light', size = 'phone', passkeys = false, storageState } = {}) {
  const [width, height] = sizes[size];
  const touch = size === 'phone' || size === 'tablet';
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, locale: lang, reducedMotion: 'reduce', hasTouch: touch, isMobile: touch, storageState });
  await context.addInitScript((l) => localStorage.setItem('lang', l), lang);
  const page = await context.newPage();
  page.errors = watch(page);
  if (passkeys) await authenticator(page);
  return page;
}

/** Waits until the browser has kept what the node said at these paths: the page shows it a moment before. */
export async function kept(page, ...paths) {
  await page.waitForFunction(
    (wanted) =>
      new Promise((done) => {
        indexedDB.open('aielon').onsuccess = (opened) => {
          const all = opened.target.result.transaction('reads').objectStore('reads').getAllKeys();
          all.onsuccess = () => done(wanted.every((path) => all.result.some((key) => key[1].startsWith(path))));
        };
      }),
    paths,
  );
}

/** Everything Chromium calls an error. */
function watch(page) {
  const errors = [];
  page.on('pageerror', (e) => errors.push(String(e)));
  page.on('console', (m) => m.type() === 'error' && errors.push(`${m.text()} ${m.location().url}`));
  return errors;
}

/** An authenticator as phones have one: it keeps passkeys and its owner's finger is always on it. */
async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
}
