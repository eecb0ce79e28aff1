// A hub and a node of the real program, on free ports of this machine, with nothing in them yet.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = process.env.AIELON_EDGE ?? new URL('../../../../../bin/aielon-edge', import.meta.url).pathname;

export const freePort = () =>
  new Promise((done) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => done(port));
    });
  });

/** A Box runs the program with a configuration of its own, and keeps its data and address over restarts. */
export class Box {
  constructor(dir, name, lines) {
    this.config = join(dir, `${name}.toml`);
    const common = [`data_dir = "${join(dir, name)}"`, 'region = "nusantara"', ...lines, '[host]', 'every = "0s"', '[storage]', 'reserve = "8MiB"'];
    writeFileSync(this.config, common.join('\n'));
  }

  /** Runs until it is ready; code is what it prints for whoever sets it up, where nobody has yet. */
  async start({ setUp = true } = {}) {
    const child = spawn(program, ['run', '--config', this.config], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.log = '';
    let out = '';
    child.stderr.on('data', (b) => (this.log = (this.log + b).slice(-20_000)));
    this.ended = new Promise((done) => child.once('exit', done));
    const ready = new Promise((done, fail) => {
      child.stdout.on('data', (b) => {
        out += b;
        this.url = /ready: (\S+)/.exec(out)?.[1];
        this.code = /enter the code (\S+)/.exec(out)?.[1];
        if (this.url && (this.code || !setUp)) done(this);
      });
      void this.ended.then((n) => fail(new Error(`the program ended with ${n} before it was ready:\n${this.log}`)));
    });
    try {
      return await ready;
    } catch (e) {
      await this.stop();
      throw e;
    }
  }

  /** Becomes a node of another's site, with the command a person would type; only while it is stopped. */
  join(address, code) {
    return String(execFileSync(program, ['join', '--config', this.config, address, code]));
  }

  async stop() {
    this.child?.kill('SIGTERM');
    await this.ended;
  }

  /** As when the plug is pulled. */
  async kill() {
    this.child?.kill('SIGKILL');
    await this.ended;
  }
}

const local = async () => `127.0.0.1:${await freePort()}`;

export async function hubIn(dir) {
  return new Box(dir, 'hub', ['site = "hub"', 'role = "hub"', '[door]', `addr = "${await local()}"`, '[mqtt]', 'addr = ""', '[hub]', `addr = "${await local()}"`, `join_addr = "${await local()}"`]);
}

export async function nodeIn(dir, name, site, more = []) {
  const mqtt = await freePort();
  const box = new Box(dir, name, [`site = "${site}"`, '[door]', `addr = "${await local()}"`, '[mqtt]', `addr = "127.0.0.1:${mqtt}"`, ...more]);
  box.mqtt = mqtt;
  return box;
}

export async function startWorld() {
  const dir = mkdtempSync(join(tmpdir(), 'aielon-portal-'));
  const [hub, node] = [await hubIn(dir), await nodeIn(dir, 'node', 'clinic')];
  const close = async () => {
    await Promise.all([node.stop(), hub.stop()]);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await Promise.all([hub.start(), node.start()]);
  } catch (e) {
    await close();
    throw e;
  }
  return { hub, node, close };
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

  async setUp(code, login, password, displayName = login) {
    this.token = (await this.ask('POST', '/v1/setup', { code, login, displayName, password })).session;
    return this;
  }

  async signIn(login, password) {
    this.token = (await this.ask('POST', '/v1/sign-in', { login, password })).session;
    return this;
  }
}
