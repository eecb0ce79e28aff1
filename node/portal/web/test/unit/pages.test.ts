import { expect, test } from 'vitest';
import { may } from '@/api/identity';
import { Formats } from '@/i18n/format';
import { thisSystem } from '@/pages/Install';
import { idOf } from '@/pages/devices/AddDevice';
import { preview } from '@/pages/devices/Quarantine';
import { newest, series, show } from '@/pages/devices/values';
import { hitAddress } from '@/pages/hits';
import { inForce } from '@/pages/settings/known';
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

test('a configuration is read by section', () => {
  const toml = 'day_budget = "1"\n[uplink] # x\nday_budget = "25MB" # a day\nflag = true\n[other]\nmonth_budget="9"';
  expect(inForce(toml, 'uplink', 'day_budget')).toBe('25MB');
  expect(inForce(toml, 'uplink', 'flag')).toBe('true');
  expect(inForce(toml, 'uplink', 'month_budget')).toBeUndefined();
});

test('an id is made of a name, where its letters allow', () => {
  expect(idOf('Kulkas Vaksin 2')).toBe('kulkas-vaksin-2');
  expect(idOf('Café')).toBe('cafe');
  expect(idOf('ثلاجة')).toBe('');
});

test('a payload is text where it is text', () => {
  expect(preview(Buffer.from('{"ä":1').toString('base64'))).toBe('{"ä":1');
  expect(preview(Buffer.from([0xff, 0x00]).toString('base64'))).toBe('ff 00');
});

test('a hit leads to a page of this node', () => {
  expect(hitAddress({ kind: 'device', id: 'a/b' })).toBe('/devices/a%2Fb');
  expect(hitAddress({ kind: 'unknown', title: 'x y' })).toBe('/search?q=x%20y');
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
