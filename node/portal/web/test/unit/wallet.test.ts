import { describe, expect, test } from 'vitest';
import type { Waiting } from '@/api/db';
import { totalOf } from '@/pages/cashier/Invoices';
import { waitingPayments } from '@/pages/cashier/waiting';
import { numberIn } from '@/pages/wallet/AccountNumber';
import { choices } from '@/pages/wallet/Give';
import { left } from '@/pages/wallet/FromAccount';
import { steps } from '@/pages/wallet/plot';
import { milligrams, nothing, wealthOf } from '@/pages/wallet/zakatForm';
import { query } from '@/api/money/ledger';

const id = '06h0m2bxmxrp3d6ejq9bmr01sm';

test.each([
  [id, id], [id.toUpperCase(), id], [` ${id}\n`, id], ['06h0m 2bxmx rp3d6 ejq9b mr01sm', id], [`aielon:${id}`, id], ['half a number', 'half a number'], ['', ''],
  ['018F4E2A-7B1C-7DEF-8123-456789ABCDEF', '018f4e2a-7b1c-7def-8123-456789abcdef'],
])('the number in %j is %j', (typed, want) => {
  expect(numberIn(typed)).toBe(want);
});

test('a balance stands until the next entry', () => {
  const at = (s: number) => new Date(s * 1000).toISOString();
  const entries = [{ time: at(300), balance: { posted: '250' } }, { time: at(200), balance: { posted: '1000' } }];
  expect(steps(entries, 2, 100, '500', 400)).toEqual({ times: [100, 200, 200, 300, 300, 400], values: [5, 5, 10, 10, 2.5, 2.5] });
  expect(steps([], 2, 100, undefined, 400)).toEqual({ times: [100, 400], values: [0, 0] });
});

test('zakat is not given like other gifts, and campaigns come before their funds', () => {
  const all = choices([{ id: 'zakat' }, { id: 'amanah' }, { id: 'sadaqah:roof', name: 'Roof', campaigns: [{ id: 'tiles', title: 'Tiles' }] }, { id: 'general' }]);
  expect(all.map((c) => c.key)).toEqual(['c/tiles', 'f/sadaqah:roof', 'f/general']);
});

test('what would be left may be below zero, and is not known without a balance', () => {
  expect(left({ id, balance: { available: '100' } }, '150')).toBe('-50');
  expect(left({ id }, '1')).toBeUndefined();
});

test('wealth is what was typed, in minor units and milligrams', () => {
  const typed = { ...nothing, cash: '1.000', debts: '0', gold: [{ grams: '12,5', fineness: 917, worn: true }, { grams: '', fineness: 1000, worn: false }] };
  expect(wealthOf(typed, 2, 'IDR')).toEqual({ cash: '100000', gold: [{ milligrams: '12500', fineness: 917, worn: true }] });
  expect(wealthOf({ ...nothing, cash: 'many' }, 2, 'IDR')).toBeUndefined();
  expect(wealthOf({ ...nothing, silver: [{ grams: '1,234', fineness: 925, worn: false }] }, 2, 'IDR')).toEqual({ silver: [{ milligrams: '1234000', fineness: 925 }] });
  expect(milligrams('0.01')).toBe('10');
  expect(milligrams('0.001')).toBeUndefined();
});

test('what is empty is not asked for', () => {
  expect(query('/v1/x', { a: '', b: 0, c: false, d: 'é&', e: undefined })).toBe('/v1/x?d=%C3%A9%26');
  expect(query('/v1/x', {})).toBe('/v1/x');
});

describe('what waits at a counter', () => {
  const w = (more: Partial<Waiting>): Waiting => ({ user: 'u', key: 'k', method: 'POST', path: '/v1/wallet/payments', body: {}, label: 'cashier.taking', values: {}, at: 1, attempts: 0, ...more });
  const begun = w({ body: { id: 'p1', gateway: 'desk', account: 'a', asset: 'IDR', amount: '500' }, at: 5 });
  const confirmed = w({ path: '/v1/wallet/payments/p1/confirm', body: { event: 'e', amount: '500' }, values: { account: 'a', asset: 'IDR', gateway: 'desk' }, at: 6, attempts: 1 });
  test('is one payment, though it is two commands', () => {
    expect(waitingPayments([begun, confirmed])).toEqual([{ id: 'p1', gateway: 'desk', account: 'a', asset: 'IDR', amount: '500', at: 5, maybe: true, refused: undefined }]);
  });
  test('waits on while only its confirmation is left', () => {
    expect(waitingPayments([confirmed])).toMatchObject([{ id: 'p1', account: 'a', asset: 'IDR', amount: '500' }]);
  });
  test('says that it was refused, and other commands are none of it', () => {
    expect(waitingPayments([w({ path: '/v1/devices' }), { ...begun, refused: { status: 422 } }, confirmed])).toMatchObject([{ id: 'p1', refused: { status: 422 } }]);
    expect(waitingPayments([begun, { ...begun, body: { id: 'p2' } }]).map((p) => p.id)).toEqual(['p2', 'p1']);
  });
});

test('an invoice adds up exactly, and is none while something is missing', () => {
  const line = { description: ' Rice, 5 kg ', quantity: '3', price: '75.000' };
  expect(totalOf([line], 2, 'IDR')).toEqual({ total: '22500000', lines: [{ description: 'Rice, 5 kg', quantity: '3', price: '7500000' }] });
  for (const wrong of [{ ...line, description: ' ' }, { ...line, quantity: '0' }, { ...line, quantity: '' }, { ...line, price: 'x' }]) expect(totalOf([line, wrong], 2, 'IDR')).toBeUndefined();
  expect(totalOf([], 2, 'IDR')).toBeUndefined();
});
