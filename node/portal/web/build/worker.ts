import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

/** Paths the worker keeps so that the app opens without a network: everything the build emits, save itself. */
const skip = (name: string) => name === 'sw.js' || name.endsWith('.map');

/**
 * Writes the list of files into sw.js in place of its marker. The version is a digest of the list and of
 * what is not named by its own content, so equal sources give an equal worker.
 */
export function serviceWorker(): Plugin {
  return {
    name: 'aielon-service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const digest = createHash('sha256');
      const files = Object.keys(bundle).filter((n) => !skip(n)).sort();
      for (const name of files) {
        const item = bundle[name]!;
        digest.update(name).update(item.type === 'chunk' ? item.code : item.source);
      }
      const fixed = readdirSync('public').sort();
      for (const name of fixed) digest.update(name).update(readFileSync(`public/${name}`));
      const worker = bundle['sw.js'];
      if (worker?.type !== 'chunk') throw new Error('the build has no sw.js');
      const list = [...files, ...fixed].map((n) => '/' + n.replace(/^index\.html$/, ''));
      worker.code = worker.code
        .replace(/(["'`])__FILES__\1/, JSON.stringify(list))
        .replace(/(["'`])__VERSION__\1/, JSON.stringify(digest.digest('hex').slice(0, 16)));
      if (worker.code.includes('__FILES__')) throw new Error('sw.js kept its marker');
    },
  };
}
