import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { ProblemDetails } from './problem';

export interface Kept {
  user: string;
  path: string;
  at: number;
  body: unknown;
}

export interface Waiting {
  id?: number;
  user: string;
  /** The Idempotency-Key of every attempt: the node does it once however often it arrives. */
  key: string;
  method: string;
  path: string;
  body: unknown;
  /** What it is, in words: a key of the translations and what to put in. */
  label: string;
  values: Record<string, string>;
  at: number;
  attempts: number;
  refused?: ProblemDetails;
}

interface Schema extends DBSchema {
  reads: { key: [string, string]; value: Kept; indexes: { at: [string, number] } };
  outbox: { key: number; value: Waiting; indexes: { user: string } };
}

let opening: Promise<IDBPDatabase<Schema>> | undefined;

/** db opens the browser's own store once. Where there is none, reads are not kept and commands do not wait. */
export function db() {
  opening ??= openDB<Schema>('aielon', 1, {
    upgrade(d) {
      d.createObjectStore('reads', { keyPath: ['user', 'path'] }).createIndex('at', ['user', 'at']);
      d.createObjectStore('outbox', { keyPath: 'id', autoIncrement: true }).createIndex('user', 'user');
    },
  });
  opening.catch(() => (opening = undefined));
  return opening;
}

/** maxKept bounds what is kept of one user; the oldest goes first. */
export const maxKept = 200;

export async function keep(user: string, path: string, body: unknown) {
  const d = await db();
  const tx = d.transaction('reads', 'readwrite');
  await tx.store.put({ user, path, body, at: Date.now() });
  const mine = IDBKeyRange.bound([user, 0], [user, Number.MAX_SAFE_INTEGER]);
  let over = (await tx.store.index('at').count(mine)) - maxKept;
  for (let c = await tx.store.index('at').openCursor(mine); c && over > 0; over--, c = await c.continue()) await c.delete();
  await tx.done;
}

export async function kept(user: string, path: string): Promise<Kept | undefined> {
  return (await db()).get('reads', [user, path]);
}

/** forget removes all that was kept of a user: what they read, and what they asked for that still waits. */
export async function forget(user: string) {
  const d = await db();
  const tx = d.transaction(['reads', 'outbox'], 'readwrite');
  await tx.objectStore('reads').delete(IDBKeyRange.bound([user], [user, []]));
  for (let c = await tx.objectStore('outbox').index('user').openCursor(user); c; c = await c.continue()) await c.delete();
  await tx.done;
}
