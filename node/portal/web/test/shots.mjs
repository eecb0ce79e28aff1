// Photographs every page, for people to look at: node test/shots.mjs [only this path]
import { mkdirSync } from 'node:fs';
import { launch, pages, person } from './fixture/browser.mjs';
import { start } from './fixture/server.mjs';

const only = process.argv[2];
mkdirSync('shots', { recursive: true });
const server = await start();
const browser = await launch();
for (const lang of (process.env.LANGS ?? 'en,ar').split(','))
  for (const theme of (process.env.THEMES ?? 'light,dark').split(','))
    for (const phone of [false, true]) {
      const page = await person(browser, { url: server.url, state: server.state, lang, theme, phone });
      for (const path of only ? [only] : pages) {
        await page.goto(server.url + path);
        await page.waitForTimeout(700);
        const name = path.replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'home';
        await page.screenshot({ path: `shots/${name}-${phone ? 'phone' : 'desktop'}-${lang}-${theme}.png`, fullPage: process.env.FULL !== undefined });
      }
      if (page.errors.length) console.log(lang, theme, phone, page.errors);
      await page.context().close();
    }
await browser.close();
await server.close();
