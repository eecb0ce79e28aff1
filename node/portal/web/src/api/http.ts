import { lost, reached } from './connection';
import { keep, kept } from './db';
import { Problem, Unreachable, problemOf } from './problem';
import { proven } from './proof';
import { Store } from './store';

/** Who reads: kept answers are filed under it. Empty for a browser nobody has signed in to. */
export const reader = { user: '' };

/** ended is called when the node no longer takes the session. */
export const ended = new Store(0);

/** Where a 401 says that a proof was wrong, or answers the very question whether there is a session. */
const proving = /\/v1\/(me|sign-in|setup|invitations)\b/;

const timeout = 20_000;
let index = '';

/** newKey names one command for ever: 128 random bits. randomUUID is missing where the page came without TLS. */
export function newKey(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
}

function remember(response: Response) {
  const seen = response.headers.get('Aielon-Index');
  // What this person has seen must not be unseen on the next page, whichever node answers.
  if (seen && /^\d{1,20}$/.test(seen) && (!index || BigInt(seen) > BigInt(index))) index = seen;
}

async function send(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  const limit = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(path, {
      credentials: 'same-origin',
      ...init,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (response.status === 502 || response.status === 504) throw new TypeError('nobody behind the proxy');
    reached();
    return response;
  } catch (e) {
    if (signal?.aborted) throw e;
    lost();
    throw new Unreachable(e);
  }
}

async function answer<T>(response: Response): Promise<T> {
  if (!response.ok) {
    // A node that cannot catch up with what was seen (a restored site) is asked without it next time.
    if (response.status === 503) index = '';
    if (response.status === 401 && !proving.test(response.url)) ended.set(ended.get() + 1);
    throw await problemOf(response);
  }
  remember(response);
  if (response.status === 204) return {} as T;
  return (await response.json()) as T;
}

/** fetchJSON asks the node, and nobody else. */
export async function fetchJSON<T>(path: string, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (index) headers['Aielon-Read-After'] = index;
  return answer<T>(await send(path, { headers }, signal));
}

/** read asks the node, and takes what it last said where it cannot be reached and that was kept. */
export async function read<T>(path: string, signal?: AbortSignal, keeping = true): Promise<T> {
  const user = reader.user;
  try {
    const body = await fetchJSON<T>(path, signal);
    if (keeping) keep(user, path, body).catch(() => {}); // no room: the page works, only not offline
    return body;
  } catch (e) {
    if (!(e instanceof Unreachable)) throw e;
    const old = await kept(user, path).catch(() => undefined);
    if (old === undefined) throw e;
    return old.body as T;
  }
}

export type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** command asks for a change. Sending it again with the same key changes nothing more. */
export async function command<T>(method: Method, path: string, body: unknown = {}, key = newKey()): Promise<T> {
  const init: RequestInit = {
    method,
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'Idempotency-Key': key },
  };
  if (method !== 'DELETE') init.body = JSON.stringify(body);
  return proven(async () => answer<T>(await send(path, init)));
}

/** follow reads an answer that comes line by line (NDJSON). */
export async function follow<T>(method: 'GET' | 'POST', path: string, onLine: (line: T) => void, signal?: AbortSignal) {
  const headers: Record<string, string> = { Accept: 'application/x-ndjson' };
  if (method === 'POST') Object.assign(headers, { 'Content-Type': 'application/json', 'Idempotency-Key': newKey() });
  const response = await fetch(path, { method, credentials: 'same-origin', headers, body: method === 'POST' ? '{}' : undefined, signal }).catch((e: unknown) => {
    throw new Unreachable(e);
  });
  if (!response.ok || !response.body) throw await problemOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? '')).split('\n');
    rest = done ? '' : (lines.pop() ?? '');
    for (const line of lines) if (line.trim()) onLine(parseLine<T>(line));
    if (done) return;
  }
}

/** parseLine takes a line of a stream; a refusal may come after lines that were fine. */
function parseLine<T>(line: string): T {
  const value = JSON.parse(line) as { result?: T; error?: { status?: number; detail?: string; hint?: string } };
  if (value.error) throw new Problem({ status: 500, ...value.error });
  return (value.result ?? value) as T;
}
