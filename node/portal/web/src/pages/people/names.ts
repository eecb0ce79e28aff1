import { useQuery } from '@tanstack/react-query';
import { device } from '@/api/devices';
import { may, me, people } from '@/api/identity';
import { programs as registered } from '@/api/programs';
import { tokens } from '@/api/tokens';

export interface Named {
  id: string;
  name: string;
}

/** useNames says who an id is, as far as this person may know. What is not known keeps its id. */
export function useNames() {
  const who = useQuery({ ...me, enabled: false }).data;
  const sees = may(who, 'identity.read');
  const all = useQuery({ ...people, enabled: sees, staleTime: 60_000 }).data?.people ?? [];
  const programs = useQuery({ ...tokens, enabled: sees, staleTime: 60_000 }).data?.tokens ?? [];
  const clients = useQuery({ ...registered, enabled: sees, staleTime: 60_000 }).data?.clients ?? [];
  const list: Named[] = [...all.map((p) => ({ id: p.id, name: p.displayName || p.login || p.id })), ...[...programs, ...clients].map((p) => ({ id: p.id, name: p.name || p.id }))];
  const by = new Map(list.map((n) => [n.id, n.name]));
  if (who?.person) by.set(who.person.id, who.person.displayName || who.person.login || who.person.id);
  return {
    list,
    name: (id: string | undefined) => (id ? (by.get(id) ?? id) : ''),
    /** What somebody typed: a name that is known, or an id as it is. */
    id: (typed: string) => idOf(list, typed),
  };
}

export function idOf(list: Named[], typed: string): string {
  const word = typed.trim().toLocaleLowerCase();
  return list.find((n) => n.name.toLocaleLowerCase() === word)?.id ?? typed.trim();
}

/** useDeviceName is what people call a device; its id where that is not known. */
export function useDeviceName(id: string, wanted: boolean): string {
  return useQuery({ ...device(id), enabled: wanted && id !== '', staleTime: 60_000, retry: false }).data?.name || id;
}
