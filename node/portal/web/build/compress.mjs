// Compresses the build once, so that no node ever has to. Text is kept as .br and .gz only: a client that
// takes neither is rare, and the node inflates the .gz for it.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../../dist/', import.meta.url).pathname;
const text = /\.(html|js|css|svg|json|txt|webmanifest)$/;
const initial = { gz: 0, br: 0 };
const html = readFileSync(join(dist, 'index.html'), 'utf8');

for (const name of readdirSync(dist, { recursive: true }).sort()) {
  const path = join(dist, name);
  if (!text.test(name)) continue;
  const raw = readFileSync(path);
  const br = brotliCompressSync(raw, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
  });
  const gz = gzipSync(raw, { level: 9 });
  writeFileSync(path + '.br', br);
  writeFileSync(path + '.gz', gz);
  rmSync(path);
  if (name.endsWith('.js') && (html.includes(name) || name === 'sw.js')) {
    initial.br += br.length;
    initial.gz += gz.length;
  }
}

const budget = 150_000;
console.log(`initial JavaScript: ${initial.br} bytes brotli, ${initial.gz} bytes gzip (budget ${budget})`);
if (Math.max(initial.br, initial.gz) > budget) throw new Error('the initial JavaScript is over its budget');
