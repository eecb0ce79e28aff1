import type { Permission } from '@/api/policy';

/** What is permitted of one part of a site: the first half of the permissions' names. */
export interface AreaRights {
  area: string;
  sees: Permission[];
  changes: Permission[];
}

/** byArea sorts what is permitted by what it is about, in the order of the node's list. */
export function byArea(all: Permission[], held: string[]): AreaRights[] {
  const found = new Map<string, AreaRights>();
  for (const p of all) {
    if (!held.includes(p.name ?? '')) continue;
    const area = (p.name ?? '').split('.')[0]!;
    const row = found.get(area) ?? { area, sees: [], changes: [] };
    (p.write ? row.changes : row.sees).push(p);
    found.set(area, row);
  }
  return [...found.values()];
}
