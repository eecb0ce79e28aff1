import { afterAll, beforeAll } from 'vitest';
import { launch } from '../fixture/browser.mjs';
import { start } from '../fixture/server.mjs';

/** One Chromium and one node for a file of tests. */
export function world(options) {
  const w = {};
  beforeAll(async () => {
    w.browser = await launch();
    w.node = await start(options);
  });
  afterAll(async () => {
    await w.browser?.close();
    await w.node?.close();
  });
  return w;
}
