// A receiver of webhooks that knows nothing of the node but what Standard Webhooks say: npm standardwebhooks verifies what
// the program itself sends, before and after its secret was changed.
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { Program, nodeIn } from '../../../node/portal/web/test/real/world.mjs';

const patience = 20_000; // ms for a message to come
let checks = 0;

function check(good, what) {
  if (!good) throw new Error(what);
  checks++;
}

/** Whether a message verifies with a secret, at a time in seconds from now. */
function verifies(secret, message, later = 0) {
  const now = Date.now;
  Date.now = () => now() + later * 1000;
  try {
    return new Webhook(secret).verify(message.body, message.headers) ?? true;
  } catch (e) {
    if (e instanceof WebhookVerificationError) return false;
    throw e;
  } finally {
    Date.now = now;
  }
}

/** Listens on this machine; next() is the next message of a type, others are left out. */
async function receiver() {
  const came = [];
  let wake = () => {};
  const server = createServer((req, res) => {
    const parts = [];
    req.on('data', (b) => parts.push(b));
    req.on('end', () => {
      came.push({ headers: req.headers, body: Buffer.concat(parts).toString('utf8') });
      res.writeHead(204).end();
      wake();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const next = async (type) => {
    for (const until = Date.now() + patience; Date.now() < until; ) {
      const i = came.findIndex((m) => JSON.parse(m.body).type === type);
      if (i >= 0) return came.splice(i, 1)[0];
      await Promise.race([new Promise((done) => (wake = done)), new Promise((done) => setTimeout(done, 200))]);
    }
    throw new Error(`no message of type ${type} came`);
  };
  return { url: `http://127.0.0.1:${server.address().port}/hook`, next, close: () => server.close() };
}

const signatures = (m) => m.headers['webhook-signature'].split(' ');
const changed = (m, headers, body = m.body) => ({ headers: { ...m.headers, ...headers }, body });

/** What a receiver does with one message: takes it as it is, refuses it changed or late. */
function judge(m, secret, what) {
  check(verifies(secret, m), `${what} does not verify`);
  check(verifies(secret, m, 295) && verifies(secret, m, -290), `${what} does not verify five minutes around its time`);
  check(!verifies(secret, m, 305), `${what} verifies when it is stale`);
  check(!verifies(secret, m, -305), `${what} verifies before its time`);
  for (const at of [0, Math.floor(m.body.length / 2), m.body.length - 1]) {
    const other = m.body[at] === '0' ? '1' : '0';
    check(!verifies(secret, changed(m, {}, m.body.slice(0, at) + other + m.body.slice(at + 1))), `${what} verifies with another byte ${at}`);
  }
  check(!verifies(secret, changed(m, {}, `${m.body} `)), `${what} verifies with a space behind it`);
  check(!verifies(secret, changed(m, { 'webhook-id': `${m.headers['webhook-id']}x` })), `${what} verifies under another id`);
  check(!verifies(secret, changed(m, { 'webhook-timestamp': String(Number(m.headers['webhook-timestamp']) + 1) })), `${what} verifies with another time`);
  check(!verifies(`whsec_${Buffer.alloc(24, 7).toString('base64')}`, m), `${what} verifies with a secret of nobody`);
}

async function run(box, hook) {
  const owner = await new Program(box.url).setUp(box.code, 'mira', 'purple camel teacup');
  const { webhook, secret: first } = await owner.ask('POST', '/v1/webhooks', { url: hook.url, class: 'CLASS_SITE_ONLY', allowPrivate: true, allowPlain: true });
  const at = `/v1/webhooks/${webhook.id}`;
  const test = async () => {
    const sent = await owner.ask('POST', `${at}/test`);
    check(sent.outcome === 'delivered' && sent.status === 204, `a test message: ${JSON.stringify(sent)}`);
    return hook.next('webhooks.test');
  };
  const before = await test();
  check(signatures(before).length === 1, 'one secret gives more than one signature');
  judge(before, first, 'a test message');

  await owner.ask('POST', '/v1/devices', { id: 'bp-1' });
  const event = await hook.next('device.registered');
  judge(event, first, 'an event');
  check(verifies(first, event).specversion === '1.0', 'an event is no CloudEvent');

  const { secret: second } = await owner.ask('POST', `${at}/rotate`);
  check(second !== first, 'the secret is the old one');
  const both = await test();
  check(signatures(both).length === 2, 'after a change of secrets there are not two signatures');
  judge(both, first, 'a message after the change, with the old secret,');
  judge(both, second, 'a message after the change, with the new secret,');
  check(!verifies(second, before), 'the new secret verifies what was sent before it was made');
  check(new Set([before, event, both].map((m) => m.headers['webhook-id'])).size === 3, 'two messages have one id');

  const { secret: third } = await owner.ask('POST', `${at}/rotate`);
  const last = await test();
  check(verifies(second, last) && verifies(third, last) && !verifies(first, last), 'after two changes other secrets than the last two sign');
}

const dir = mkdtempSync(join(tmpdir(), 'aielon-webhooks-'));
const hook = await receiver();
const box = await nodeIn(dir, 'node', 'clinic');
try {
  await box.start();
  await run(box, hook);
  console.log(`standardwebhooks: ${checks} checks, 0 errors`);
} finally {
  await box.stop();
  hook.close();
  rmSync(dir, { recursive: true, force: true });
}
