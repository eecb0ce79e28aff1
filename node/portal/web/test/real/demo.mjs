// A region as it might be, of the real program: a hub, a clinic of two nodes with people, devices, alarms and
// things that went wrong, and three more sites. It runs until it is stopped; on SIGHUP every box starts again.
//   node test/real/demo.mjs demo.json
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startMoney } from './money.mjs';
import { startTreasury } from './treasury.mjs';
import { publish } from './mqtt.mjs';
import { actAlone, letIn, newKey } from './oauth.mjs';
import { Program, freePort, hubIn, nodeIn } from './world.mjs';

export const password = 'tujuh kambing di atas bukit';

const people = [
  ['farid', 'Dr. Farid Rahman', ['clinician']],
  ['siti', 'Siti Aisyah binti Osman', ['front-desk', 'member']],
  ['yusuf', 'Yusuf Hakim', ['operator']],
  ['hassan', 'حسن الكندي', ['auditor']],
  ['bilal', 'Bilal Qureshi', ['wallet-officer']],
  ['maryam', 'مریم صدیقی', ['shariah-reviewer', 'member']],
  ['loket', 'Petugas Loket', ['wallet-officer', 'front-desk']],
  ['zainab', 'Zainab Latif', ['wallet-officer', 'shariah-reviewer']],
];

const wave = (mid, swing, minutes) => (s) => mid + swing * Math.sin((s / 60 / minutes) * 2 * Math.PI) + swing * 0.12 * (Math.random() - 0.5);
const round = (n, digits = 1) => Number(n.toFixed(digits));
const devices = [
  ['kulkas-vaksin', 'Kulkas Vaksin', 'refrigerator', (s) => ({ temperature: round(wave(4.6, 0.9, 4)(s)), humidity: round(wave(52, 4, 7)(s), 0), battery: 87 })],
  ['bp-ward-2', 'Blood pressure, ward 2', 'blood-pressure monitor', (s) => ({ systolic: round(wave(124, 9, 3)(s), 0), diastolic: round(wave(79, 6, 3)(s), 0), pulse: round(wave(72, 5, 2)(s), 0) })],
  ['oxygen-1', 'Oxygen concentrator', 'concentrator', (s) => ({ spo2: round(wave(97, 1, 2)(s), 0), flow: round(wave(4.8, 0.3, 3)(s)) })],
  ['tangki-air', 'Tangki air', 'level meter', (s) => ({ level: round(wave(63, 18, 20)(s), 0), pump: wave(0, 1, 3)(s) > 0 })],
  ['solar', 'Solar inverter', 'inverter', (s) => ({ power: round(wave(1850, 420, 9)(s), 0), voltage: round(wave(231, 3, 2)(s)), energy: round(8412 + s / 600) })],
  ['prayer-hall', 'قاعة الصلاة', 'climate sensor', (s) => ({ temperature: round(wave(24.5, 1.4, 6)(s)), humidity: round(wave(58, 6, 5)(s), 0), co2: round(wave(640, 160, 8)(s), 0) })],
  ['timbangan', 'Timbangan bayi', 'scales', () => ({ weight: round(3.1 + Math.random() * 0.8, 2) })],
  ['genset', 'Generator', 'generator', undefined],
];

/** A program two people let in, and one that comes by itself. */
async function letPrograms(owner, url) {
  const redirect = 'http://127.0.0.1/callback';
  const scopes = ['openid', 'offline_access', 'devices.read', 'readings.read'];
  const { id: program } = await owner.ask('POST', '/v1/oauth/clients', { name: 'Ward tablet', redirectUris: ['https://tablet.example.org/callback', redirect], scopes: [...scopes, 'patient/Observation.rs'] });
  const key = newKey();
  const { id: alone } = await owner.ask('POST', '/v1/oauth/clients', { name: 'Regional reports', proof: 'PROOF_KEY', jwks: key.jwks, scopes: ['devices.read', 'analytics.read'], roles: ['operator'], bound: false });
  const asked = { password, client: program, redirect: redirect.replace('/callback', ':8123/callback'), scope: scopes.join(' ') };
  await letIn(url, { ...asked, login: 'siti' });
  const granted = await letIn(url, { ...asked, login: 'farid' });
  await actAlone(url, alone, key, 'devices.read');
  return { program, refreshToken: granted.refresh_token };
}

async function invite(owner, url, [login, displayName, roles]) {
  const { code } = await owner.ask('POST', '/v1/invitations', { roles, login });
  await new Program(url).ask('POST', '/v1/invitations/accept', { code, login, displayName, password, language: 'en' });
}

/** The clinic: two nodes, nine people, eight devices. */
async function clinic(dir, hub) {
  const cluster = async () => ['[cluster]', `addr = "127.0.0.1:${await freePort()}"`, `gossip_addr = "127.0.0.1:${await freePort()}"`];
  const first = await nodeIn(dir, 'node', 'clinic', await cluster());
  await first.start();
  const owner = await new Program(first.url).setUp(first.code, 'amina', password, 'Amina binti Yusof');
  await owner.ask('PUT', '/v1/settings/site.name', { value: 'Klinik An-Nur' });
  for (const p of people) await invite(owner, first.url, p);
  const invitation = (await owner.ask('POST', '/v1/invitations', { roles: ['community-admin'] })).code;
  const all = (await owner.ask('GET', '/v1/people')).people;
  await owner.ask('POST', `/v1/people/${all.find((p) => p.login === 'bilal').id}/suspend`);
  await owner.ask('POST', '/v1/tokens', { name: 'Monthly report', roles: ['auditor'] });
  const hook = await owner.ask('POST', '/v1/webhooks', { url: `http://127.0.0.1:${await freePort()}/in`, description: 'Laboratory', class: 'CLASS_SITE_ONLY', allowPrivate: true, allowPlain: true });
  const programs = await letPrograms(owner, first.url);
  const { records } = await owner.ask('GET', '/v1/audit/records');
  const { journal, position } = records.find((r) => r.position);
  const shown = { person: all.find((p) => p.login === 'farid').id, webhook: (hook.webhook ?? hook).id, ...programs, record: `${journal}/${position}` };
  const { officer: _, memberProgram: __, ...money } = await startMoney({ url: first.url, owner, password, people: all, officer: 'loket', member: 'siti', other: 'maryam', reviewer: 'maryam' });
  const person = (login) => ({ login, id: all.find((p) => p.login === login).id });
  const treasury = await startTreasury({ url: first.url, password, officer: 'loket', second: 'zainab', members: [person('siti'), person('maryam')] });
  const tokens = {};
  for (const [id, name, kind] of devices) tokens[id] = (await owner.ask('POST', '/v1/devices', { id, name, kind })).token;
  const invited = await hub.ask('POST', '/v1/join-codes', { role: 'site', site: 'clinic' });
  await owner.ask('POST', '/v1/hub/join', { address: invited.address, code: invited.code });
  const second = await nodeIn(dir, 'node2', 'clinic', await cluster());
  const asked = await owner.ask('POST', '/v1/join-codes', { role: 'node' });
  second.join(asked.address, asked.code);
  await second.start({ setUp: false });
  return { first, second, owner, tokens, shown: { ...shown, invitation, money, memberAccount: money.member, zakatCase: treasury.waiting } };
}

/** Another site of the region, with a meter and a person. */
async function otherSite(dir, hub, site, name, count) {
  const box = await nodeIn(dir, site, site);
  await box.start();
  const owner = await new Program(box.url).setUp(box.code, 'admin', password, name);
  await owner.ask('PUT', '/v1/settings/site.name', { value: name });
  const { token } = await owner.ask('POST', '/v1/devices', { id: 'meter', name: 'Meter', kind: 'meter' });
  const invited = await hub.ask('POST', '/v1/join-codes', { role: 'site', site });
  await owner.ask('POST', '/v1/hub/join', { address: invited.address, code: invited.code });
  await publish(box.mqtt, 'meter', token, Array.from({ length: count }, (_, i) => ({ topic: 'meter/power', value: 400 + i })));
  return { box, owner, token };
}

/** What people come to see a monitor for: alarms, and messages nobody can read. */
async function trouble(at, tokens) {
  await publish(at.mqtt, 'kulkas-vaksin', tokens['kulkas-vaksin'], [{ topic: 'kulkas-vaksin/alarm', value: { temperature: 9.4 } }]);
  await publish(at.mqtt, 'oxygen-1', tokens['oxygen-1'], [{ topic: 'oxygen-1/alarm', value: { spo2: 88 } }]);
  await publish(at.mqtt, 'bp-ward-2', tokens['bp-ward-2'], [{ topic: 'bp-ward-2/state', raw: '{"systolic":12' }]);
  await publish(at.mqtt, 'solar', tokens.solar, [{ topic: 'solar/raw', raw: Buffer.from([0x7b, 0, 0xff, 0x13, 0x80]) }]);
}

/** Every device that speaks says what it measures, every few seconds, until the program ends. */
function speak(at, tokens) {
  const began = Date.now();
  const round = async () => {
    const s = (Date.now() - began) / 1000;
    for (const [id, , , values] of devices) {
      if (values) await publish(at.mqtt, id, tokens[id], [{ topic: `${id}/state`, value: values(s) }]).catch(() => {});
    }
    setTimeout(round, 3_000);
  };
  void round();
}

export async function startDemo() {
  const dir = mkdtempSync(join(tmpdir(), 'aielon-demo-'));
  const box = await hubIn(dir);
  await box.start();
  const hub = await new Program(box.url).setUp(box.code, 'salmah', password, 'Puan Salmah');
  const c = await clinic(dir, hub);
  await trouble(c.first, c.tokens);
  speak(c.first, c.tokens);
  const others = [await otherSite(dir, hub, 'masjid-al-falah', 'Masjid Al-Falah', 40), await otherSite(dir, hub, 'klinik-kampung-baru', 'Klinik Kampung Baru', 12)];
  const fresh = await nodeIn(dir, 'new', 'surau');
  await fresh.start();
  await new Promise((done) => setTimeout(done, 3_000));
  await others[1].box.stop(); // a site nobody hears from
  const running = [box, c.first, c.second, others[0].box, fresh];
  const boxes = [...running, others[1].box];
  return {
    hub: box.url, node: c.first.url, fresh: fresh.url, code: fresh.code, ...c.shown, login: 'amina', hubLogin: 'salmah', password, pid: process.pid,
    // All at once: two of three boxes of a site are its quorum.
    restart: async () => {
      await Promise.all(running.map((b) => b.stop()));
      await Promise.all(running.map((b) => b.start({ setUp: false })));
    },
    close: async () => {
      await Promise.all(boxes.map((b) => b.stop()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const demo = await startDemo();
  writeFileSync(process.argv[2], JSON.stringify(demo, undefined, 2));
  console.log(JSON.stringify(demo));
  process.on('SIGHUP', () => void demo.restart().then(() => console.log('restarted'), (e) => console.log(String(e))));
  for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => void demo.close().finally(() => process.exit(0)));
}
