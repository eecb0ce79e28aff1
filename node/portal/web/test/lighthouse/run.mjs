// Lighthouse judges every page of the portal in a region of the real program (test/real/demo.mjs), signed in and
// not: accessibility and best practices must be 1.0.
//   npm ci && node run.mjs [demo.json of a running demo.mjs] ; ONLY names views
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import lighthouse from 'lighthouse';
import { chromium } from 'playwright-core';
import { args, program } from '../fixture/browser.mjs';
import { startDemo } from '../real/demo.mjs';
import { address, enter, logins, origin, views } from '../real/views.mjs';
import { freePort } from '../real/world.mjs';

const demo = process.argv[2] ? JSON.parse(readFileSync(process.argv[2], 'utf8')) : await startDemo();
const dir = mkdtempSync(join(tmpdir(), 'aielon-lighthouse-'));
const port = await freePort();
// Lighthouse opens tabs of its own in the profile that is signed in; an isolated context would not be theirs.
const open = (name) => chromium.launchPersistentContext(join(dir, name), { executablePath: program, args: [...args, `--remote-debugging-port=${port}`] });
const wanted = process.env.ONLY?.split(',');
const pages = views.filter((v) => !v.then && (!wanted || wanted.includes(v.name)));
const config = { extends: 'lighthouse:default', settings: { onlyCategories: ['accessibility', 'best-practices'], disableStorageReset: true, maxWaitForLoad: 20_000 } };
let worse = 0;

async function judge(view) {
  const { lhr } = await lighthouse(address(demo, view), { port, logLevel: 'silent' }, config);
  const scores = Object.values(lhr.categories).map((c) => c.score);
  const failed = Object.values(lhr.audits).filter((a) => a.score !== null && a.score < 1 && a.scoreDisplayMode === 'binary');
  console.log(view.name.padEnd(16), ...scores, lhr.runtimeError?.message ?? '', new URL(lhr.finalDisplayedUrl).pathname);
  if (scores.every((s) => s === 1)) return;
  worse++;
  for (const a of failed) console.log('   ', a.id, JSON.stringify(a.details?.items?.slice(0, 3).map((i) => i.node?.selector ?? i.description ?? i.url)));
}

for (const who of new Set(pages.map((v) => v.who))) {
  const login = logins(demo)[who];
  const context = await open(who);
  if (login) await enter(await context.newPage(), origin(demo, { who }), login, demo.password);
  for (const view of pages.filter((v) => v.who === who)) await judge(view);
  await context.close();
}
rmSync(dir, { recursive: true, force: true });
await demo.close?.();
process.exit(worse ? 1 : 0);
