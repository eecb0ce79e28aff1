import { Store } from './store';

/** live says whether changes arrive as they happen. */
export const live = new Store(false);

interface Subscription {
  method: string;
  params: unknown;
  onMessage: (message: unknown) => void;
  onEnd?: (error: RpcError) => void;
}

interface RpcError {
  message: string;
  data?: { status?: number; retryAfter?: number };
}

interface Frame {
  id?: number;
  method?: string;
  result?: { subscription?: string };
  params?: { subscription?: string; message?: unknown; error?: RpcError; complete?: boolean };
  error?: RpcError;
}

const wanted = new Set<Subscription>();
const asked = new Map<number, Subscription>(); // by request id, until the node names the subscription
const running = new Map<string, Subscription>(); // by the node's name for it
let socket: WebSocket | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let next = 1;
let failures = 0;

/** subscribe follows a server stream for as long as somebody wants it, across broken connections. */
export function subscribe<T>(method: string, params: unknown, onMessage: (m: T) => void, onEnd?: Subscription['onEnd']) {
  const s: Subscription = { method, params, onMessage: onMessage as (m: unknown) => void, onEnd };
  wanted.add(s);
  if (socket?.readyState === WebSocket.OPEN) ask(s);
  else connect();
  return () => {
    wanted.delete(s);
    for (const [name, r] of running) if (r === s) end(name);
    if (wanted.size === 0) rest();
  };
}

function ask(s: Subscription) {
  const id = next++;
  asked.set(id, s);
  socket?.send(JSON.stringify({ jsonrpc: '2.0', id, method: s.method, params: s.params }));
}

function end(name: string) {
  running.delete(name);
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: next++, method: 'unsubscribe', params: { subscription: name } }));
}

/** rest closes the socket a while after the last page that needed it; pages come and go. */
function rest() {
  setTimeout(() => {
    if (wanted.size === 0) socket?.close(1000);
  }, 5_000);
}

function connect() {
  if (socket || timer || wanted.size === 0) return;
  const s = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
  socket = s;
  s.onopen = () => {
    failures = 0;
    live.set(true);
    for (const w of wanted) ask(w);
  };
  s.onmessage = (e) => receive(String(e.data));
  s.onclose = () => {
    if (socket !== s) return;
    socket = undefined;
    asked.clear();
    running.clear();
    live.set(false);
    again();
  };
}

/** again waits 1, 2, 4 ... 30 seconds, spread out so that a hall full of phones does not come back at once. */
function again() {
  if (wanted.size === 0) return;
  const wait = Math.min(30_000, 1_000 * 2 ** failures++) * (0.5 + Math.random());
  timer = setTimeout(() => {
    timer = undefined;
    connect();
  }, wait);
}

function receive(data: string) {
  let frame: Frame;
  try {
    frame = JSON.parse(data) as Frame;
  } catch {
    return; // not ours to understand
  }
  if (frame.id !== undefined) return started(frame);
  const p = frame.params;
  const s = p?.subscription !== undefined ? running.get(p.subscription) : undefined;
  if (!p || !s) return;
  if (p.message !== undefined) s.onMessage(p.message);
  if (p.error || p.complete) finish(p.subscription!, s, p.error);
}

function started(frame: Frame) {
  const s = asked.get(frame.id!);
  asked.delete(frame.id!);
  if (!s) return;
  if (frame.error) return finish(undefined, s, frame.error);
  const name = frame.result?.subscription;
  if (name === undefined) return;
  running.set(name, s);
  if (!wanted.has(s)) end(name); // nobody wants it any more
}

/** Refused for good: asking again would be answered the same. */
function final(error: RpcError | undefined): boolean {
  const status = error?.data?.status ?? (error ? 400 : 500);
  return status < 500 && status !== 429;
}

/** finish handles a stream the node ended: refused for good, or to be asked for again in a moment. */
function finish(name: string | undefined, s: Subscription, error?: RpcError) {
  if (name !== undefined) running.delete(name);
  if (error && final(error)) {
    wanted.delete(s);
    s.onEnd?.(error);
    return;
  }
  setTimeout(() => {
    if (wanted.has(s) && socket?.readyState === WebSocket.OPEN) ask(s);
  }, (error?.data?.retryAfter ?? (error ? 5 : 1)) * 1_000);
}

/** renew begins a new connection: the old one belongs to whoever was signed in when it was opened. */
export function renew() {
  failures = 0;
  socket?.close(1000);
}
