import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, test, vi } from 'vitest';

type Answer = { status?: number; json?: unknown; headers?: Record<string, string> } | 'away' | 'lost answer';

/** A node that keeps each key to once, as the real one does, and a network that fails as told. */
function fakeNode(script: Answer[]) {
  const did: string[] = [];
  const seen = new Map<string, Response>();
  const asked: { key: string; path: string }[] = [];
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const key = (init.headers as Record<string, string>)['Idempotency-Key'] ?? '';
    const a = script.shift() ?? {};
    asked.push({ key, path });
    if (a === 'away') throw new TypeError('network');
    const { status = 200, json = { ok: true }, headers = {} } = a === 'lost answer' ? {} : a;
    if (!key || !seen.has(key)) {
      if (status < 400) did.push(path);
      const problem = { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json', ...headers };
      const made = new Response(JSON.stringify(json), { status, headers: problem });
      // Who is not let in, and what could not be done now, leaves nothing behind.
      if (!key || status >= 500 || status === 429 || status === 401) return made;
      seen.set(key, made);
    }
    if (a === 'lost answer') throw new TypeError('network');
    return seen.get(key)!.clone();
  });
  return { did, asked };
}

const change = (n: number) => ({ method: 'PATCH' as const, path: `/v1/devices/d${n}`, body: { name: `n${n}` }, label: 'devices.changing' as const, values: { name: `n${n}` } });

async function load() {
  vi.resetModules();
  const http = await import('@/api/http');
  http.reader.user = crypto.randomUUID();
  return { http, db: await import('@/api/db'), ...(await import('@/api/outbox')), ...(await import('@/api/problem')) };
}

beforeEach(() => {
  vi.stubGlobal('navigator', {}); // no locks between tabs, as without TLS
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
});

describe('the outbox', () => {
  test('keeps what could not be sent, and sends it once, in order', async () => {
    const node = fakeNode(['away']);
    const o = await load();
    expect(await o.perform(change(1))).toEqual({ queued: true });
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('network')));
    await o.perform(change(2));
    const later = fakeNode([]);
    await o.replay();
    await o.replay();
    expect(later.did).toEqual(['/v1/devices/d1', '/v1/devices/d2']);
    expect(o.outbox.get()).toEqual([]);
    expect(node.did).toEqual([]);
  });

  test.each(['away', 'lost answer'] as const)('a first attempt that ends as "%s" is done once', async (how) => {
    const node = fakeNode([how]);
    const o = await load();
    await o.perform(change(1));
    expect(o.outbox.get()).toHaveLength(1);
    await o.replay();
    expect(node.did).toEqual(['/v1/devices/d1']);
    expect(new Set(node.asked.map((a) => a.key)).size).toBe(1);
    expect(o.outbox.get()).toEqual([]);
  });

  test('a refused command stays with its reason and holds up nobody', async () => {
    const node = fakeNode(['away', { status: 403, json: { detail: 'not you', hint: 'ask' } }]);
    const o = await load();
    await o.perform(change(1));
    await (await o.db.db()).add('outbox', { user: o.http.reader.user, key: 'k2', method: 'PATCH', path: '/v1/devices/d2', body: {}, label: 'x', values: {}, at: 1, attempts: 0 });
    await o.replay();
    expect(node.did).toEqual(['/v1/devices/d2']);
    expect(o.outbox.get().map((w) => w.refused?.detail)).toEqual(['not you']);
  });

  test('waits for the same person to sign in again', async () => {
    const node = fakeNode(['away', { status: 401, json: {} }]);
    const o = await load();
    await o.perform(change(1));
    await o.replay();
    expect(o.outbox.get()[0]?.refused).toBeUndefined();
    const mine = o.http.reader.user;
    o.http.reader.user = 'somebody else';
    await o.replay();
    expect(node.did).toEqual([]);
    o.http.reader.user = mine;
    await o.replay();
    expect(o.outbox.get()).toHaveLength(0);
  });

  test.each([503, 429])('a node that answers %i is asked again later, in order', async (status) => {
    const node = fakeNode(['away', { status, json: { detail: 'no leader' }, headers: { 'Retry-After': '3' } }]);
    const o = await load();
    await o.perform(change(1));
    await o.replay();
    expect(node.did).toEqual([]);
    await vi.advanceTimersByTimeAsync(3_500);
    await vi.waitFor(() => expect(node.did).toEqual(['/v1/devices/d1']));
  });

  test('a cancelled command is never sent', async () => {
    const node = fakeNode(['away']);
    const o = await load();
    await o.perform(change(1));
    await o.cancel(o.outbox.get()[0]!.id!);
    await o.replay();
    expect(node.did).toEqual([]);
  });

  test('a refusal by an answer is not kept', async () => {
    fakeNode([{ status: 400, json: { detail: 'bad', hint: 'better' } }]);
    const o = await load();
    await expect(o.perform(change(1))).rejects.toMatchObject({ details: { status: 400, detail: 'bad', hint: 'better' } });
    expect(o.outbox.get()).toEqual([]);
  });

  test('is bounded', async () => {
    fakeNode(['away']);
    const o = await load();
    const d = await o.db.db();
    for (let i = 0; i < o.maxWaiting; i++) await d.add('outbox', { user: o.http.reader.user, key: `k${i}`, method: 'POST', path: '/', body: {}, label: 'x', values: {}, at: i, attempts: 0 });
    await o.refresh();
    await expect(o.perform(change(1))).rejects.toMatchObject({ details: { detail: 'outbox.full' } });
  });
});

describe('kept reads', () => {
  test('stand in while the node is away, and only then', async () => {
    fakeNode([{ json: { n: 1 } }, 'away', { status: 500, json: { detail: 'broken' } }]);
    const o = await load();
    expect(await o.http.read('/v1/x')).toEqual({ n: 1 });
    await vi.waitFor(async () => expect(await o.db.kept(o.http.reader.user, '/v1/x')).toBeDefined());
    expect(await o.http.read('/v1/x')).toEqual({ n: 1 });
    await expect(o.http.read('/v1/x')).rejects.toMatchObject({ details: { detail: 'broken' } });
  });

  test('are of one person, and gone when they sign out', async () => {
    fakeNode([]);
    const o = await load();
    await o.db.keep('a', '/v1/x', 1);
    await o.db.keep('b', '/v1/x', 2);
    await o.db.forget('a');
    expect(await o.db.kept('a', '/v1/x')).toBeUndefined();
    expect((await o.db.kept('b', '/v1/x'))?.body).toBe(2);
  });

  test('are bounded, and the oldest goes first', async () => {
    fakeNode([]);
    const o = await load();
    let now = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => ++now);
    for (let i = 0; i <= o.db.maxKept; i++) await o.db.keep('c', `/v1/${i}`, i);
    expect(await o.db.kept('c', '/v1/0')).toBeUndefined();
    expect(await o.db.kept('c', '/v1/1')).toBeDefined();
  });
});

test('what was seen is asked for again on the next read, until the node cannot have it', async () => {
  const sent: (string | undefined)[] = [];
  const answers = [
    { status: 200, headers: { 'Aielon-Index': '12' } },
    { status: 200, headers: { 'Aielon-Index': '9' } },
    { status: 503, headers: {} },
    { status: 200, headers: {} },
  ];
  const o = await load();
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    sent.push((init.headers as Record<string, string>)['Aielon-Read-After']);
    const a = answers.shift()!;
    return new Response('{}', a as ResponseInit);
  });
  for (let i = 0; i < 4; i++) await o.http.fetchJSON('/v1/x').catch(() => {});
  expect(sent).toEqual([undefined, '12', '12', undefined]);
});

describe('changes that belong together', () => {
  test('go out in order, and are done once the node took all', async () => {
    const node = fakeNode([]);
    const o = await load();
    expect(await o.performAll([change(1), change(2)])).toEqual({ queued: false });
    expect(node.did).toEqual(['/v1/devices/d1', '/v1/devices/d2']);
    expect(o.outbox.get()).toEqual([]);
  });

  test.each([
    ['the first request was lost', ['away']],
    ['the first answer was lost', ['lost answer']],
    ['the second request was lost', [{}, 'away']],
    ['the second answer was lost', [{}, 'lost answer']],
    ['the node was between two leaders', [{ status: 503 }]],
  ] as [string, Answer[]][])('wait together where %s, and happen once', async (_, script) => {
    const node = fakeNode(script);
    const o = await load();
    expect(await o.performAll([change(1), change(2)])).toEqual({ queued: true });
    expect(o.outbox.get().length).toBeGreaterThan(0);
    await o.replay();
    expect(node.did).toEqual(['/v1/devices/d1', '/v1/devices/d2']);
    expect(o.outbox.get()).toEqual([]);
    expect(new Set(node.asked.map((a) => a.key)).size).toBe(2);
  });

  test('are refused together, and leave nothing to wait', async () => {
    fakeNode([{ status: 422, json: { detail: 'no' } }, { status: 404, json: { detail: 'no such payment' } }]);
    const o = await load();
    await expect(o.performAll([change(1), change(2)])).rejects.toThrow('no');
    expect(o.outbox.get()).toEqual([]);
  });

  test('are all written down, or none', async () => {
    fakeNode(['away']);
    const o = await load();
    await o.perform(change(0));
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('network')));
    while (o.outbox.get().length < o.maxWaiting - 1) await o.perform(change(1));
    await expect(o.performAll([change(2), change(3)])).rejects.toThrow('outbox.full');
    expect(o.outbox.get()).toHaveLength(o.maxWaiting - 1);
  }, 30_000);
});
