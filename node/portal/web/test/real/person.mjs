// A person's phone or computer: Chromium, with a passkey authenticator where asked for.
export async function device(browser, { lang = 'en', theme = 'light', phone = true, passkeys = false } = {}) {
  const context = await browser.newContext({
    viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
    colorScheme: theme,
    locale: lang,
    reducedMotion: 'reduce',
    hasTouch: phone,
    isMobile: phone,
    serviceWorkers: 'allow',
  });
  await context.addInitScript((l) => localStorage.getItem('lang') ?? localStorage.setItem('lang', l), lang);
  const page = await context.newPage();
  page.errors = watch(page);
  if (passkeys) await authenticator(page);
  return page;
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
