import { describe, expect, test } from 'vitest';
import { isId, newId } from '@/api/money/id';
import { MoneyFormats, parseMoney, sum, toMinor } from '@/i18n/money';

test.each([
  ['en', '123456', 2, 'USD', '1,234.56'],
  ['id', '123456', 2, 'USD', '1.234,56'],
  ['ms', '123456', 2, 'USD', '1,234.56'],
  ['ur', '123456', 2, 'USD', '1,234.56'],
  ['ar', '123456', 2, 'USD', '1,234.56'],
  ['en', '5', 3, 'KWD', '0.005'],
  ['en', '100', 0, 'XAU_MG', '100'],
  ['id', '5000000', 2, 'IDR', '50.000'],
  ['id', '5000050', 2, 'IDR', '50.000,50'],
  ['en', '123456789012345678901234567890', 2, 'USD', '1,234,567,890,123,456,789,012,345,678.90'],
  ['en', undefined, 2, 'USD', '0.00'],
] as const)('in %s, %s with %i decimals of %s is %s', (lang, minor, scale, asset, want) => {
  expect(new MoneyFormats(lang).parts(minor, scale, asset)).toEqual({ sign: '', digits: want });
});

test('an amount is isolated in a sentence, below zero has a minus, and what came in a plus where asked', () => {
  const f = new MoneyFormats('ar');
  expect(f.text('-150', 2, 'USD')).toBe('\u2066−1.50 USD\u2069');
  expect(f.parts('150', 2, 'USD', true).sign).toBe('+');
  expect(f.parts('0', 2, 'USD', true).sign).toBe('');
});

test.each([
  ['50000', 2, '5000000'], ['50.000', 2, '5000000'], ['50,000', 2, '5000000'], ['50 000', 2, '5000000'], ["50'000", 2, '5000000'], ['50.000,5', 2, '5000050'], ['50,000.5', 2, '5000050'],
  ['1,00,000', 2, '10000000'], ['12,34,567.89', 2, '123456789'], ['1.234.567', 2, '123456700'], ['0.5', 2, '50'], ['.5', 2, '50'], ['5,', 2, '500'], ['1234.560', 2, '123456'],
  ['٥٠٬٠٠٠٫٥', 2, '5000050'], ['۵۰۰۰۰', 2, '5000000'], ['١٢٫٥', 2, '1250'], ['１２', 2, '1200'], ['IDR 50.000', 2, '5000000'], ['50.000 idr', 2, '5000000'],
  ['1.2345', 4, '12345'], ['1234,5', 3, '1234500'], ['0.125', 3, '125'], ['7', 0, '7'], ['1.000', 0, '1000'], ['00012', 2, '1200'],
] as const)('%s with %i decimals is %s', (typed, scale, want) => {
  expect(parseMoney(typed, scale, 'IDR')).toEqual({ minor: want });
});

test.each([
  ['', 2, 'empty'], ['  ', 2, 'empty'], ['IDR', 2, 'empty'], ['abc', 2, 'form'], ['-5', 2, 'form'], ['1e3', 2, 'form'], ['1..2', 2, 'form'], ['1.23.456', 2, 'form'], ['1,23,4567', 2, 'form'], ['1,234,56,789', 2, 'form'], ['1,234.56.78', 2, 'form'],
  ['1.234,567.8', 2, 'form'], ['.', 2, 'form'], ['12,3456', 2, 'decimals'], ['1.5', 0, 'decimals'], ['0.505', 2, 'decimals'], ['1.234', 3, 'ambiguous'], ['12,345', 4, 'ambiguous'],
  ['0', 2, 'zero'], ['0.00', 2, 'zero'], ['9'.repeat(29), 2, 'large'], ['٥٫٥.٥', 2, 'form'], ['1/2', 2, 'form'],
] as const)('%s with %i decimals is refused: %s', (typed, scale, want) => {
  expect(parseMoney(typed, scale, 'IDR')).toEqual({ fault: want });
});

describe('what is written is read again', () => {
  test.each(['en', 'id', 'ms', 'ur', 'ar'] as const)('in %s', (lang) => {
    const f = new MoneyFormats(lang);
    for (const scale of [0, 2, 3, 8]) {
      for (let n = 1n; n < 10n ** 20n; n = n * 7n + 3n) {
        const plain = f.plain(n.toString(), scale);
        // Three decimals after a sign alone might be a group: that is asked, never guessed.
        const read = parseMoney(plain, scale, 'USD');
        if (!('fault' in read && read.fault === 'ambiguous' && scale >= 3)) expect(read, plain).toEqual({ minor: n.toString() });
        if (scale < 3) expect(parseMoney(f.parts(n.toString(), scale, 'USD').digits, scale)).toEqual({ minor: n.toString() });
      }
    }
  });
});

test('sums are exact, and what is no number is nothing', () => {
  expect(sum(['9007199254740993', '1', undefined, '-2'])).toBe('9007199254740992');
  expect(toMinor('1.5')).toBe(0n);
});

test('identifiers are as the node writes them, later ones after earlier ones', () => {
  const ids = [1_000, 1_001, 1_700_000_000_000, 1_700_000_000_001].map((t) => newId(t));
  for (const id of ids) expect(isId(id), id).toBe(true);
  expect([...ids].sort()).toEqual(ids);
  // 2023-11-14T22:13:20Z, and the version of RFC 9562 in its place.
  expect(ids[2]).toMatch(/^065wzsb801[r-z]/);
  expect(new Set(Array.from({ length: 1000 }, () => newId())).size).toBe(1000);
  expect(isId('0190-not-an-id')).toBe(false);
  expect(isId('018f4e2a-7b1c-7def-8123-456789abcdef')).toBe(true);
});
