import { beforeEach, expect, test, vi } from 'vitest';

class FakeSocket {
  static all: FakeSocket[] = [];
  static OPEN = 1;
  readyState = 0;
  sent: { id: number; method: string; params: unknown }[] = [];
  onopen?: () => void;
  onmessage?: (e: { data: string }) => void;
  onclose?: () => void;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(s: string) {
    this.sent.push(JSON.parse(s));
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  open() {
    this.readyState = 1;
    this.onopen?.();
  }
  say(frame: object | string) {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }
}

beforeEach(() => {
  FakeSocket.all = [];
  vi.resetModules();
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('location', { protocol: 'https:', host: 'clinic.example' });
});

test('follows a stream, across broken connections, until nobody wants it', async () => {
  const { subscribe, live } = await import('@/api/rpc');
  const got: unknown[] = [];
  const stop = subscribe('s/Watch', { a: 1 }, (m) => got.push(m));
  const first = FakeSocket.all[0]!;
  expect(first.url).toBe('wss://clinic.example/ws');
  first.open();
  expect(live.get()).toBe(true);
  const id = first.sent[0]!.id;
  first.say({ id, result: { subscription: 'x' } });
  first.say('no json');
  first.say({ method: 'subscription', params: { subscription: 'other', message: 0 } });
  first.say({ method: 'subscription', params: { subscription: 'x', message: 1 } });
  first.close();
  expect(live.get()).toBe(false);
  await vi.advanceTimersByTimeAsync(2_000);
  const second = FakeSocket.all[1]!;
  second.open();
  expect(second.sent[0]!.method).toBe('s/Watch');
  second.say({ id: second.sent[0]!.id, result: { subscription: 'y' } });
  second.say({ method: 'subscription', params: { subscription: 'x', message: 'of the old connection' } });
  second.say({ method: 'subscription', params: { subscription: 'y', message: 2 } });
  expect(got).toEqual([1, 2]);
  stop();
  expect(second.sent.at(-1)).toMatchObject({ method: 'unsubscribe', params: { subscription: 'y' } });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(second.readyState).toBe(3);
  expect(FakeSocket.all).toHaveLength(2);
});

test('comes back ever more rarely', async () => {
  const { subscribe } = await import('@/api/rpc');
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  subscribe('s/Watch', {}, () => {});
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    const n = FakeSocket.all.length;
    FakeSocket.all.at(-1)!.close();
    let waited = 0;
    for (; FakeSocket.all.length === n; waited += 500) await vi.advanceTimersByTimeAsync(500);
    waits.push(waited);
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test('a stream that is refused is not asked for again', async () => {
  const { subscribe } = await import('@/api/rpc');
  const ends: unknown[] = [];
  subscribe('s/Watch', {}, () => {}, (e) => ends.push(e.message));
  const s = FakeSocket.all[0]!;
  s.open();
  s.say({ id: s.sent[0]!.id, error: { code: -32_004, message: 'not for you', data: { status: 403 } } });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ends).toEqual(['not for you']);
  expect(s.sent).toHaveLength(1);
});

test.each([{ status: 503 }, { status: 429, retryAfter: 5 }])('a stream that cannot be had now is asked for again: %j', async (data) => {
  const { subscribe } = await import('@/api/rpc');
  subscribe('s/Watch', {}, () => {});
  const s = FakeSocket.all[0]!;
  s.open();
  s.say({ id: s.sent[0]!.id, error: { code: -32_005, message: 'later', data } });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(s.sent).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(s.sent).toHaveLength(2);
});

test('a stream that is complete is asked for again', async () => {
  const { subscribe } = await import('@/api/rpc');
  subscribe('s/Watch', {}, () => {});
  const s = FakeSocket.all[0]!;
  s.open();
  s.say({ id: s.sent[0]!.id, result: { subscription: '1' } });
  s.say({ method: 'subscription', params: { subscription: '1', complete: true } });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(s.sent).toHaveLength(2);
});
