// The wire between a browser and a node: it can be pulled, and it can be cut at a request, before that got through
// or after, when the node has done it and nobody hears the answer.
import { connect, createServer } from 'node:net';

export class Wire {
  sockets = new Set();
  /** The Idempotency-Key of each attempt at what `cut` speaks of, in order. */
  keys = [];

  constructor(target) {
    this.target = new URL(target);
  }

  async up() {
    this.server = createServer((client) => this.#join(client));
    await new Promise((done, fail) => this.server.once('error', fail).listen(this.port ?? 0, '127.0.0.1', done));
    this.port = this.server.address().port;
    return this;
  }

  /** What makes Chromium take this way to the node, at the address the node printed. */
  get rule() {
    return `--host-resolver-rules=MAP ${this.target.host} 127.0.0.1:${this.port}`;
  }

  /** Nobody is reached any more, and what was said is not heard. */
  async down() {
    const closed = new Promise((done) => this.server.close(done));
    for (const s of this.sockets) s.destroy();
    await closed;
  }

  /** From the next request on that begins with these words, the wire is broken. */
  cut(words, when) {
    this.keys = [];
    this.wanted = words;
    this.broken = when;
  }

  #join(client) {
    const node = connect(Number(this.target.port), this.target.hostname);
    const both = [client, node];
    let deaf = false;
    for (const s of both) {
      this.sockets.add(s);
      s.on('error', () => {});
      s.on('close', () => {
        this.sockets.delete(s);
        for (const other of both) other.destroy();
      });
    }
    client.on('data', (data) => {
      const text = data.toString('latin1');
      if (this.wanted && text.startsWith(this.wanted)) {
        this.keys.push(/idempotency-key: (\w+)/i.exec(text)?.[1]);
        const when = this.broken;
        this.broken = undefined;
        if (when === 'before') return void this.down();
        deaf = when === 'after';
      }
      node.write(data);
    });
    node.on('data', (data) => (deaf ? void this.down() : client.write(data)));
  }
}
