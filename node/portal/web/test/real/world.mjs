// A hub and a node of the real program, on free ports of this machine, with nothing in them yet.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = process.env.AIELON_EDGE ?? new URL('../../../../../bin/aielon-edge', import.meta.url).pathname;

const freePort = () =>
  new Promise((done) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => done(port));
    });
  });

/** Starts the program and waits for what it prints on its standard output. */
async function run(config, dir, onLog) {
  const child = spawn(program, ['run', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stderr.on('data', (b) => {
    errors = (errors + b).slice(-20_000);
    onLog?.(String(b));
  });
  const ended = new Promise((done) => child.once('exit', done));
  const ready = new Promise((done, fail) => {
    child.stdout.on('data', (b) => {
      out += b;
      const url = /ready: (\S+)/.exec(out)?.[1];
      const code = /enter the code (\S+)/.exec(out)?.[1];
      if (url && code) done({ url, code });
    });
    ended.then((n) => fail(new Error(`the program ended with ${n} before it was ready:\n${errors}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    return { ...(await ready), dir, stop, errors: () => errors };
  } catch (e) {
    await stop();
    throw e;
  }
}

export async function startWorld() {
  const dir = mkdtempSync(join(tmpdir(), 'aielon-portal-'));
  const [gather, joining, mqtt] = [await freePort(), await freePort(), await freePort()];
  const file = (name, lines) => {
    const path = join(dir, `${name}.toml`);
    writeFileSync(path, [`data_dir = "${join(dir, name)}"`, 'region = "test"', ...lines, '[host]', 'every = "0s"', '[storage]', 'reserve = "8MiB"'].join('\n'));
    return path;
  };
  const hub = await run(file('hub', ['site = "hub"', 'role = "hub"', '[door]', 'addr = "127.0.0.1:0"', '[mqtt]', 'addr = ""', '[hub]', `addr = "127.0.0.1:${gather}"`, `join_addr = "127.0.0.1:${joining}"`]));
  const node = await run(file('node', ['site = "clinic"', '[door]', 'addr = "127.0.0.1:0"', '[mqtt]', `addr = "127.0.0.1:${mqtt}"`]));
  const close = async () => {
    await Promise.all([node.stop(), hub.stop()]);
    rmSync(dir, { recursive: true, force: true });
  };
  return { hub, node, mqtt, close };
}

/** A Program talks to a node as programs do: with a bearer token. */
export class Program {
  constructor(url) {
    this.url = url;
  }

  async ask(method, path, body) {
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID().replaceAll('-', '') };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const answer = await fetch(this.url + path, { method, headers, body: method === 'GET' || method === 'DELETE' ? undefined : JSON.stringify(body ?? {}) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : {};
  }

  async setUp(code, login, password) {
    this.token = (await this.ask('POST', '/v1/setup', { code, login, displayName: login, password })).session;
  }

  async signIn(login, password) {
    this.token = (await this.ask('POST', '/v1/sign-in', { login, password })).session;
  }
}
