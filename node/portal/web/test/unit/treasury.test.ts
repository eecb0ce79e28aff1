import { describe, expect, test, vi } from 'vitest';
import { since } from '@/api/funds';
import { filled, permille, twelve, whole } from '@/pages/funds/parts';
import { addressOf } from '@/pages/funds/address';
import { kinds, labelled } from '@/pages/funds/useKind';
import { stateOf } from '@/pages/treasury/Campaigns';
import { digest } from '@/pages/treasury/DocumentField';
import { stands } from '@/pages/treasury/fields';
import { formatOf } from '@/pages/treasury/ImportStatement';
import { header, mappingOf } from '@/pages/treasury/MappingFields';
import { Days } from '@/pages/funds/useDays';
import { dayOf, lastDay, midnight, words } from '@/pages/treasury/times';

vi.stubGlobal('location', { origin: 'https://edge.example' });

describe('parts of a plot', () => {
  test('those in which nothing moved are put back, and large sums keep their last digit', () => {
    const parts = filled([{ from: '2026-02-01', income: '90071992547409931', spent: '-5' }], new Date(2026, 0, 1), 3, 'MONTH');
    expect(parts.map((p) => p.from)).toEqual(['2026-01-01', '2026-02-01', '2026-03-01']);
    expect(parts[1]).toMatchObject({ income: 90071992547409931n, spent: -5n });
    expect(parts[2]).toMatchObject({ income: 0n, spent: 0n });
  });
  test('days pass the end of a month, and a year has twelve months', () => {
    expect(filled([], new Date(2026, 1, 27), 3, 'DAY').map((p) => p.from)).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
    const year = twelve([{ from: '2026-11-01', income: '7' }], new Date('2026-11-30T23:00:00Z'));
    expect([year.length, year[0]!.from, year[11]!.from, year[11]!.income]).toEqual([12, '2025-12-01', '2026-11-01', 7n]);
  });
  test('a plot begins so many parts ago', () => {
    const now = new Date(2026, 2, 31, 15);
    expect(since('DAY', now)).toEqual(new Date(2026, 2, 2));
    expect(since('MONTH', now)).toEqual(new Date(2025, 3, 1));
  });
  test.each([
    [undefined, 0n],
    ['', 0n],
    ['12.5', 0n],
    ['-3', -3n],
  ])('%s is read as %s minor units', (s, n) => expect(whole(s)).toBe(n));
  test.each([
    [0n, 10n, 0],
    [-5n, 10n, 0],
    [1n, 3n, 333],
    [10n, 10n, 1000],
    [25n, 10n, 1000],
    [5n, 0n, 0],
  ])('%s of %s is %s thousandths', (there, goal, part) => expect(permille(there, goal)).toBe(part));
});

test('dates and axes have Latin digits in every language', () => {
  for (const lang of ['en', 'id', 'ms', 'ur', 'ar'] as const) {
    const d = new Days(lang);
    for (const s of [d.date('2026-11-03T12:00:00Z'), d.part(new Date(2026, 10, 3), 'DAY'), d.short(1_250_000)]) expect(s, lang).toMatch(/^[^٠-٩۰-۹]*\d[^٠-٩۰-۹]*$/);
  }
});

describe('days of forms', () => {
  test('the last day of what ends at midnight is the day before', () => {
    const end = midnight('2026-03-31', 1)!;
    expect(lastDay(end)).toBe('2026-03-31');
    expect(dayOf(midnight('2026-03-31'))).toBe('2026-03-31');
    expect([midnight(''), midnight('31.3.2026'), lastDay(undefined)]).toEqual([undefined, undefined, '']);
  });
  test('words may have any comma between them', () => expect(words('roof, water_supply،books  x;')).toEqual(['roof', 'water_supply', 'books', 'x']));
});

test('a campaign is over at its end, not after it', () => {
  const at = Date.parse('2026-03-01T00:00:00Z');
  const c = { id: 'c', begins: '2026-02-01T00:00:00Z', ends: '2026-03-01T00:00:00Z' };
  expect([stateOf(c, at - 1), stateOf(c, at), stateOf(c, Date.parse('2026-01-01T00:00:00Z')), stateOf({ id: 'c' }, at)]).toEqual(['running', 'over', 'soon', 'running']);
});

test('a drawer with money in it stands above zero, and so does what is owed', () => {
  const at = (kind: 'CASH' | 'MEMBER' | 'EXPENSE', posted: string) => stands({ id: 'a', kind, balance: { posted } });
  expect([at('CASH', '-500'), at('CASH', '20'), at('CASH', '0'), at('MEMBER', '500'), at('EXPENSE', '-7'), stands({ id: 'a', kind: 'CASH' })]).toEqual(['500', '-20', '0', '500', '7', '0']);
});

test('the fingerprint of a document is its SHA-256', async () => {
  expect(await digest(new Blob(['abc']))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

describe('files of banks', () => {
  const bytes = (s: string) => new TextEncoder().encode(s);
  test('XML is told from CSV by how it begins', () => {
    expect([formatOf(bytes('\ufeff\n <Document>')), formatOf(bytes('Date;Amount')), formatOf(bytes(''))]).toEqual(['CAMT053', 'CSV', 'CSV']);
  });
  test('the header of a CSV is found below lines of other things', () => {
    expect(header(bytes('\ufeffKonto 1\r\n"Tag";"Betrag";\r\n1;2'), 'utf-8', ';', 1)).toEqual(['Tag', 'Betrag']);
    expect(header(Uint8Array.of(0x42, 0xe4, 0x6e, 0x6b), 'windows-1252', ',', 0)).toEqual(['Bänk']);
    expect(header(bytes('a,b'), 'utf-8', ',', 9)).toEqual([]);
  });
  test('a mapping has the columns that were chosen, and the tab stays a tab', () => {
    const d = new FormData();
    for (const [k, v] of Object.entries({ delimiter: '\t', encoding: 'utf-8', skip: '2', dateLayout: 'DD.MM.YYYY', decimal: ',', 'column-booked': 'Tag', 'column-amount': 'Betrag', 'column-side': 'S', 'column-in': '', 'column-remittance': 'Text', sideIn: 'H, C', sideOut: 'S' })) d.set(k, v);
    expect(mappingOf(d)).toEqual({ delimiter: '\t', encoding: 'utf-8', skip: 2, dateLayout: 'DD.MM.YYYY', decimal: ',', booked: 'Tag', amount: 'Betrag', side: 'S', remittance: ['Text'], sideIn: ['H', 'C'], sideOut: ['S'] });
  });
});

test('the address of a fund can be read on paper', () => {
  expect(addressOf('sadaqah:roof')).toBe('https://edge.example/funds/sadaqah:roof');
  expect(addressOf('a/b?')).toBe('https://edge.example/funds/a%2Fb%3F');
  expect(labelled.every((k) => (kinds as readonly string[]).includes(k))).toBe(true);
});
