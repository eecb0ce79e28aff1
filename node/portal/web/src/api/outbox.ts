import type { ParseKeys } from 'i18next';
import { connection, whenBack } from './connection';
import { type Waiting, db } from './db';
import { type Method, command, newKey, reader } from './http';
import { Problem, Unreachable, passing } from './problem';
import { Store } from './store';

/** maxWaiting bounds what may wait in this browser. */
export const maxWaiting = 500;

/** outbox is what the signed-in person asked for that the node has not taken yet, oldest first. */
export const outbox = new Store<Waiting[]>([]);

/** sending is the id of the command that is on its way now. */
export const sending = new Store<number>(0);

/** delivered grows with every command the node took from the outbox, so that pages read again. */
export const delivered = new Store(0);

export interface Command {
  method: Method;
  path: string;
  body?: unknown;
  /** What it is, for the list of what waits. */
  label: ParseKeys;
  values?: Record<string, string>;
}

/** Queued stands in for an answer: the command waits here and will be sent once. */
export interface Queued {
  queued: true;
}

export const isQueued = (x: unknown): x is Queued => typeof x === 'object' && x !== null && (x as Queued).queued === true;

export async function refresh() {
  const all = await (await db()).getAllFromIndex('outbox', 'user', reader.user);
  outbox.set(all);
}

/**
 * perform sends a command, or keeps it where the node does not answer. The key is chosen before the first
 * attempt: if that one arrived after all, the attempts that follow get its answer and change nothing.
 */
export async function perform<T>(c: Command): Promise<T | Queued> {
  const key = newKey();
  // What waits goes first: a later change must not overtake an earlier one.
  if (outbox.get().some((w) => !w.refused)) return enqueue(c, key, 0);
  try {
    return await command<T>(c.method, c.path, c.body, key);
  } catch (e) {
    if (!(e instanceof Unreachable)) throw e;
    return enqueue(c, key, 1);
  }
}

const patience = 6_000; // ms

/**
 * performAll asks for changes that belong together, in order. All are written down before the first is sent, so that none is left
 * out where this page ends in between. It answers whether the node took them all; where it refused one, that is thrown
 * and what is left of them is put away. A slow link is not waited for: what is under way then waits here like the rest.
 */
export async function performAll(cs: Command[]): Promise<{ queued: boolean }> {
  if (outbox.get().length + cs.length > maxWaiting) throw new Problem({ status: 507, detail: 'outbox.full' });
  const tx = (await db()).transaction('outbox', 'readwrite');
  const ids: number[] = [];
  for (const { method, path, label, body = {}, values = {} } of cs) {
    ids.push(await tx.store.add({ user: reader.user, key: newKey(), method, path, body, label, values, at: Date.now(), attempts: 0 }));
  }
  await tx.done;
  await refresh();
  const sent = replay();
  if (connection.get().reachable) await Promise.race([sent, new Promise((done) => setTimeout(done, patience))]);
  const rest = outbox.get().filter((w) => ids.includes(w.id!));
  const no = rest.find((w) => w.refused);
  if (!no) return { queued: rest.length > 0 };
  // Whoever asked is told now. The rest of them have nothing to stand on, and are not sent or were refused for that.
  for (const w of rest) await cancel(w.id!);
  throw new Problem(no.refused!);
}

async function enqueue(c: Command, key: string, attempts: number): Promise<Queued> {
  if (outbox.get().length >= maxWaiting) throw new Problem({ status: 507, detail: 'outbox.full' });
  const { method, path, label, body = {}, values = {} } = c;
  await (await db()).add('outbox', { user: reader.user, key, method, path, body, label, values, at: Date.now(), attempts });
  await refresh();
  if (!attempts) void replay();
  return { queued: true };
}

/** cancel takes a command out. One that is on its way cannot be called back. */
export async function cancel(id: number) {
  await locked(async () => {
    await (await db()).delete('outbox', id);
    await refresh();
  });
}

let retry: ReturnType<typeof setTimeout> | undefined;
let delay = 0;

/** replay sends what waits, in order, one tab at a time. It stops at the first that cannot be sent now. */
export function replay() {
  clearTimeout(retry);
  return locked(async () => {
    await refresh();
    for (const item of outbox.get()) {
      if (item.refused) continue;
      if (!(await deliver(item))) break;
    }
    sending.set(0);
    await refresh();
  });
}

async function deliver(item: Waiting): Promise<boolean> {
  sending.set(item.id!);
  const d = await db();
  // Written down before it is sent: after a crash here it counts as possibly arrived.
  await d.put('outbox', { ...item, attempts: item.attempts + 1 });
  try {
    await command(item.method as Method, item.path, item.body, item.key);
    await d.delete('outbox', item.id!);
    delay = 0;
    delivered.set(delivered.get() + 1);
    return true;
  } catch (e) {
    if (e instanceof Problem && e.status === 401) return false; // waits for its person to sign in again
    if (passing(e)) {
      later(e);
      return false;
    }
    const refused = e instanceof Problem ? e.details : { status: 0, detail: String(e) };
    await d.put('outbox', { ...item, attempts: item.attempts + 1, refused });
    return true;
  }
}

/** later tries again after a while where the node answered, but not now. Where it did not answer, whenBack does. */
function later(e: unknown) {
  if (e instanceof Unreachable) return;
  delay = Math.min(60_000, delay ? delay * 2 : 2_000);
  const asked = e instanceof Problem ? (e.details.retryAfter ?? 0) * 1000 : 0;
  retry = setTimeout(() => void replay(), Math.max(delay, asked));
}

let turn: Promise<unknown> = Promise.resolve();

/** locked lets one at a time at the outbox, over all tabs. Locks between tabs need TLS; without, keys alone keep it to once. */
function locked(f: () => Promise<void>): Promise<void> {
  if (navigator.locks) return navigator.locks.request('aielon-outbox', f) as Promise<void>;
  const mine = turn.then(f);
  turn = mine.catch(() => {});
  return mine;
}

export function watchOutbox() {
  whenBack(() => void replay());
  void replay();
}
