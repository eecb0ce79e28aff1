// Photographs every page of the real program, for people to look at:
//   node test/real/shots.mjs <directory> [demo.json of a running demo.mjs]
// ONLY names views, LANGS, THEMES and SIZES what is taken of each.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from '../fixture/browser.mjs';
import { startDemo } from './demo.mjs';
import { person } from './person.mjs';
import { sessions, views, visit } from './views.mjs';

const [dir, running] = process.argv.slice(2);
const list = (name, all) => process.env[name]?.split(',') ?? all;
const wanted = views.filter((v) => list('ONLY', [v.name]).includes(v.name));
mkdirSync(dir, { recursive: true });
const demo = running ? JSON.parse(readFileSync(running, 'utf8')) : await startDemo();
const browser = await launch();
const states = await sessions(browser, demo);
for (const lang of list('LANGS', ['en', 'ar']))
  for (const theme of list('THEMES', ['light', 'dark']))
    for (const size of list('SIZES', ['phone', 'desktop']))
      for (const who of new Set(wanted.map((v) => v.who))) {
        const page = await person(browser, { lang, theme, size, storageState: states[who] });
        for (const view of wanted.filter((v) => v.who === who)) {
          await visit(page, demo, view).catch((e) => console.log(view.name, lang, size, String(e).slice(0, 200)));
          // What lies over the page is photographed as it is seen, and so is a screen on a wall.
          const fullPage = size !== 'tv' && !/menu|palette|display/.test(view.name) && process.env.FULL !== '0';
          await page.screenshot({ path: join(dir, `${view.name}-${size}-${lang}-${theme}.png`), fullPage });
        }
        if (page.errors.length) console.log(lang, theme, size, who, page.errors);
        await page.context().close();
      }
await browser.close();
await demo.close?.();
