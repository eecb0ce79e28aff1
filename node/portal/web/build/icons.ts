import { readFileSync, readdirSync } from 'node:fs';

const taken = /import\s*{([^}]*)}\s*from 'lucide-react'/g;
const money = /^pages\/(wallet|cashier|treasury|funds)\//;

/** The file an icon is in: ArrowDownLeft is arrow-down-left. One that has another name there stays where all are. */
const file = (name: string) => name.replace(/([a-z])([A-Z0-9])/g, '$1-$2').replace(/([A-Z])(?=[A-Z][a-z])/g, '$1-').toLowerCase();

/** moneyIcons names the icons that only pages of money show, so that the first load is spared them. */
export function moneyIcons(src: string): (id: string) => boolean {
  const [theirs, others] = [new Set<string>(), new Set<string>()];
  for (const f of readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => /\.tsx?$/.test(f))) {
    for (const [, names] of readFileSync(`${src}/${f}`, 'utf8').matchAll(taken)) {
      for (const n of names!.split(',').map((n) => n.trim().replace(/^type /, '').replace(/ as .*/, ''))) if (n) (money.test(f) ? theirs : others).add(file(n));
    }
  }
  const only = [...theirs].filter((n) => !others.has(n));
  return (id) => only.some((n) => id.includes(`/lucide-react/dist/esm/icons/${n}.`));
}
