import { expect, test } from 'vitest';
import { may } from '@/api/identity';
import { Formats } from '@/i18n/format';
import { thisSystem } from '@/pages/Install';
import { idOf } from '@/pages/devices/AddDevice';
import { preview } from '@/pages/devices/Quarantine';
import { newest, series, show } from '@/pages/devices/values';
import { hitAddress } from '@/pages/hits';
import { bySorrow } from '@/pages/Hub';
import { counted } from '@/pages/Materials';
import { asked } from '@/api/audit';
import { bytesOf, includes } from '@/api/merkle';
import { addressOf } from '@/pages/audit/words';
import { byArea } from '@/pages/people/areas';
import { discovery, faultOfKeys, programOf } from '@/pages/programs/words';
import { idOf as idOfName } from '@/pages/people/names';
import { hostOf } from '@/pages/webhooks/words';
import { pieces } from '@/ui/Marked';
import { parseJoin } from '@/pages/setup/joinText';

test('a 64-bit count keeps its last digit, in Latin digits everywhere', () => {
  expect(new Formats('en').count('18446744073709551615')).toBe('18,446,744,073,709,551,615');
  expect(new Formats('ar').count('1234')).toMatch(/^1.234$/);
  expect(new Formats('en').count(undefined)).toBe('0');
});

test('times ago are in the largest unit that fits', () => {
  const f = new Formats('en');
  const now = Date.parse('2026-11-23T12:00:00Z');
  expect(f.ago('2026-11-23T11:57:00Z', now)).toBe('3 minutes ago');
  expect(f.ago('2026-11-25T13:00:00Z', now)).toBe('in 2 days');
  expect(f.ago(undefined, now)).toBe('');
});

test('zero is a value, and what is no number is shown as what it is', () => {
  const f = new Formats('en');
  expect(show({ name: 't', unit: 'Cel' }, f, 'on', 'off')).toEqual({ name: 't', text: '0', unit: '°C' });
  expect(show({ name: 'x', flag: false }, f, 'on', 'off').text).toBe('off');
  expect(show({ name: 'x', text: 'open' }, f, 'on', 'off').text).toBe('open');
});

test('a chart gets its times in order, one line for each name', () => {
  const lines = series([
    { time: '2026-01-01T00:00:02Z', samples: [{ name: 'b', number: 2 }, { name: 'a', flag: true }] },
    { time: 'no time', samples: [{ name: 'b', number: 9 }] },
    { time: '2026-01-01T00:00:01Z', samples: [{ name: 'b' }] },
  ]);
  expect(lines).toEqual([{ name: 'b', unit: '', times: [1767225601, 1767225602], values: [0, 2] }]);
});

test('the newest reading of each device wins, in whatever order they come', () => {
  const old = { device: 'a', time: '2026-01-01T00:00:01Z' };
  const young = { device: 'a', time: '2026-01-01T00:00:02Z' };
  expect(newest([young, old]).get('a')).toBe(young);
  expect(newest([old, young]).get('a')).toBe(young);
});

test.each([
  ['AE1.ABC.1.X', { code: 'AE1.ABC.1.X' }],
  ['  hub.example.org:8443 AE1.ABC.1.X\n', { address: 'hub.example.org:8443', code: 'AE1.ABC.1.X' }],
  ['aielon-edge join 10.0.0.1:8443 AE1.ABC.1.X', { address: '10.0.0.1:8443', code: 'AE1.ABC.1.X' }],
  ['[fe80::1]:8443', { address: '[fe80::1]:8443' }],
  ['hello', {}],
  ['', {}],
])('%j holds %j', (text, want) => expect(parseJoin(text)).toEqual(want));

test('an id is made of a name, where its letters allow', () => {
  expect(idOf('Kulkas Vaksin 2')).toBe('kulkas-vaksin-2');
  expect(idOf('Café')).toBe('cafe');
  expect(idOf('ثلاجة')).toBe('');
});

test('a payload is text where it is text', () => {
  expect(preview(Buffer.from('{"ä":1').toString('base64'))).toBe('{"ä":1');
  expect(preview(Buffer.from([0xff, 0x00]).toString('base64'))).toBe('ff 00');
});

test('a hit leads to a page of this portal, and nowhere else', () => {
  expect(hitAddress({ kind: 'device', id: 'a', link: '/devices/a%2Fb' })).toBe('/devices/a%2Fb');
  expect(hitAddress({ kind: 'unknown', title: 'x y' })).toBe('/search?q=x%20y');
  for (const link of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)']) expect(hitAddress({ title: 'x', link })).toBe('/search?q=x');
});

test('marks count characters, whatever they are made of', () => {
  const cut = (text: string, marks: { start?: number; end?: number }[]) => pieces(text, marks).map((p) => (p.found ? `[${p.text}]` : p.text)).join('');
  expect(cut('😀 kulkas vaksin', [{ start: 2, end: 8 }])).toBe('😀 [kulkas] vaksin');
  expect(cut('ab', [{ end: 1 }])).toBe('[a]b');
  expect(cut('abcdef', [{ start: 4, end: 5 }, { start: 1, end: 3 }])).toBe('a[bc]d[e]f');
  expect(cut('abcd', [{ start: 1, end: 3 }, { start: 2, end: 4 }])).toBe('a[bc][d]');
  expect(cut('ab', [{ start: 1, end: 99 }])).toBe('a[b]');
  expect(cut('', [{ start: 0, end: 1 }])).toBe('');
});

test('a filter of the audit is asked for as the node wants it', () => {
  const q = asked({ actor: 'p1', about: 'device/a/b', from: '2026-11-01', to: '2026-11-01', refused: 'yes' });
  expect(Object.fromEntries(q)).toMatchObject({ actor: 'p1', object_type: 'device', object_id: 'a/b', denied: 'true' });
  // The last day belongs to it: it ends where the next begins.
  expect(Date.parse(q.get('until')!) - Date.parse(q.get('since')!)).toBe(86_400_000);
  expect(Object.fromEntries(asked({ about: 'p2', from: 'nonsense' }))).toEqual({ page_size: '50', object_id: 'p2' });
});

test('a record is shown at its journal, epoch and number', () => {
  expect(addressOf({ journal: 'site.ledger', position: '18af/7' })).toEqual({ journal: 'site.ledger', epoch: '18af', number: '7' });
  expect(addressOf({ journal: 'site.ledger' })).toBeUndefined();
});

test('a typed name is an id where it is known', () => {
  const list = [{ id: 'p1', name: 'dr. Amina' }];
  expect(idOfName(list, ' DR. amina ')).toBe('p1');
  expect(idOfName(list, 'p9')).toBe('p9');
});

test('a proof of a record is computed and not believed', async () => {
  // RFC 9162's tree over four leaves, made here by hand: root = H(1, H(1, l0, l1), H(1, l2, l3)).
  const sha = async (...parts: Uint8Array[]) => new Uint8Array(await crypto.subtle.digest('SHA-256', Buffer.concat(parts)));
  const data = ['a', 'b', 'c', 'd', 'e'].map((x) => new TextEncoder().encode(x));
  const leaves = await Promise.all(data.map((d) => sha(Uint8Array.of(0), d)));
  const node = (a: Uint8Array, b: Uint8Array) => sha(Uint8Array.of(1), a, b);
  const [ab, cd] = [await node(leaves[0]!, leaves[1]!), await node(leaves[2]!, leaves[3]!)];
  const four = await node(ab, cd);
  const five = await node(four, leaves[4]!);
  expect(await includes(data[2]!, 2n, 4n, [leaves[3]!, ab], four)).toBe(true);
  expect(await includes(data[2]!, 2n, 5n, [leaves[3]!, ab, leaves[4]!], five)).toBe(true);
  expect(await includes(data[4]!, 4n, 5n, [four], five)).toBe(true);
  expect(await includes(data[0]!, 0n, 1n, [], leaves[0]!)).toBe(true);
  for (const [leaf, index, size, proof, root] of [
    [data[1]!, 2n, 4n, [leaves[3]!, ab], four], // another record
    [data[2]!, 1n, 4n, [leaves[3]!, ab], four], // another place
    [data[2]!, 2n, 4n, [leaves[3]!], four], // too short
    [data[2]!, 2n, 4n, [leaves[3]!, ab, ab], four], // too long
    [data[2]!, 4n, 4n, [leaves[3]!, ab], four], // beyond the tree
    [data[2]!, 2n, 4n, [leaves[3]!, ab], five], // another tree
  ] as const)
    expect(await includes(leaf, index, size, [...proof], root)).toBe(false);
  expect([...bytesOf('AQID')]).toEqual([1, 2, 3]);
});

test('what is permitted is sorted by what it is about', () => {
  const all = [{ name: 'devices.read' }, { name: 'node.read' }, { name: 'devices.manage', write: true }, { name: 'audit.read' }];
  expect(byArea(all, ['devices.manage', 'devices.read', 'node.read']).map((r) => [r.area, r.sees.length, r.changes.length])).toEqual([
    ['devices', 1, 1],
    ['node', 1, 0],
  ]);
});

test('sites that need somebody come first', () => {
  const list = [{ site: 'b', online: true }, { site: 'a', online: true }, { site: 'away' }, { site: 'behind', waiting: '3' }, { site: 'lost', online: true, lost: '1' }];
  expect(bySorrow(list).map((s) => s.site)).toEqual(['lost', 'behind', 'away', 'a', 'b']);
});

test('licences are counted, the most first', () => {
  expect(counted([{ licence: 'MIT' }, {}, { licence: 'MIT' }])).toEqual([['MIT', 2], ['–', 1]]);
});

test('a webhook without words is known by its host', () => {
  expect(hostOf({ id: '1', url: 'https://lab.example:8443/x' })).toBe('lab.example:8443');
  expect(hostOf({ id: '1', url: 'nonsense' })).toBe('nonsense');
});

test('what is offered follows the roles', () => {
  expect(may({ may: ['devices.read'] }, 'devices.manage')).toBe(false);
  expect(may({ may: ['devices.manage'] }, 'devices.manage')).toBe(true);
  expect(may(undefined, 'identity.manage')).toBe(true);
});

test('a device is known by what its browser says', () => {
  expect(thisSystem('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)')).toBe('ios');
  expect(thisSystem('Mozilla/5.0 (Linux; Android 15)')).toBe('android');
});

test('a private key does not leave the page', () => {
  expect(faultOfKeys('{"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]}')).toBeUndefined();
  expect(faultOfKeys('{"keys": [{"kty": "EC", "x": "a", "d": "secret"}]}')).toBe('program.keysPrivate');
  expect(faultOfKeys('{"kty": "EC", "d": "secret"}')).toBe('program.keysPrivate');
  expect(faultOfKeys('-----BEGIN PRIVATE KEY-----')).toBe('program.keysPrivate');
  expect(faultOfKeys('{"keys": [{"d": "cut off')).toBe('program.keysPrivate');
  for (const typed of ['', 'nonsense', '{"keys": "a"}', 'null']) expect(faultOfKeys(typed), typed).toBe('program.keysUnread');
});

test('a program is registered with what its kind has, and nothing that was typed before', () => {
  const d = new FormData();
  for (const [k, v] of Object.entries({ name: ' Lab ', redirects: 'https://a.example/cb\n https://b.example/cb\n', jwks: '{"keys": []}', smart: 'patient/Observation.rs  openid', roles: 'auditor', scopes: 'openid' })) d.append(k, v);
  expect(programOf(d, 'app')).toEqual({ name: 'Lab', proof: 'PROOF_NONE', redirectUris: ['https://a.example/cb', 'https://b.example/cb'], jwks: '', scopes: ['openid', 'patient/Observation.rs'], roles: [], bound: false });
  expect(programOf(d, 'self')).toMatchObject({ proof: 'PROOF_KEY', redirectUris: [], jwks: '{"keys": []}', roles: ['auditor'] });
  expect(programOf(d, 'server')).toMatchObject({ proof: 'PROOF_KEY', roles: [] });
});

test('a program finds the rest under the name the node goes by', () => {
  expect(discovery('https://192.168.1.5:8480/programs?x=1', 'clinic.example.org')).toBe('https://clinic.example.org:8480/.well-known/openid-configuration');
});
