import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Plugin } from 'vite';

interface Package {
  name: string;
  version: string;
  licence: string;
}

/**
 * Lists the packages of which anything came into the app, for the list of materials of the whole program. Packages
 * that only build it are not in it.
 */
export function materials(file: string): Plugin {
  return {
    name: 'aielon-materials',
    apply: 'build',
    generateBundle(_, bundle) {
      const found = new Map<string, Package>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const id of Object.keys(chunk.modules)) {
          const p = packageOf(id);
          if (p) found.set(`${p.name} ${p.version}`, p);
        }
      }
      // The style sheet is made of it, and no module of it is in a chunk.
      const tailwind = packageOf(`${process.cwd()}/node_modules/tailwindcss/index.css`);
      if (tailwind) found.set(`${tailwind.name} ${tailwind.version}`, tailwind);
      const list = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      writeFileSync(file, `[\n${list.map((p) => `  ${JSON.stringify(p)}`).join(',\n')}\n]\n`);
    },
  };
}

/** packageOf reads who a module belongs to from the nearest package.json that has a name and a version. */
function packageOf(id: string): Package | undefined {
  const at = id.replace(/^\0/, '').replace(/\?.*$/, '').lastIndexOf('/node_modules/');
  if (at < 0) return undefined;
  const clean = id.replace(/^\0/, '').replace(/\?.*$/, '');
  const parts = clean.slice(at + '/node_modules/'.length).split('/');
  const name = parts.slice(0, parts[0]!.startsWith('@') ? 2 : 1).join('/');
  const file = `${clean.slice(0, at)}/node_modules/${name}/package.json`;
  if (!existsSync(file)) return undefined;
  const p = JSON.parse(readFileSync(file, 'utf8')) as { version: string; license?: string };
  if (!p.license) throw new Error(`${name} names no licence`);
  return { name, version: p.version, licence: p.license };
}
