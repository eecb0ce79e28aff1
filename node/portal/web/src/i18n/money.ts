import { useStore } from '@/api/store';
import { type Language, language } from './index';

/** Currencies whose smaller unit nobody pays with any more: ",00" is left out; a fraction that is there is shown. */
const whole = new Set(['IDR', 'VND', 'IRR', 'IQD', 'LBP', 'SYP', 'YER', 'UZS', 'MMK', 'LAK', 'PKR', 'AFN', 'SOS', 'TZS']);

export interface Parts {
  /** A minus where it is below zero; with plus, a plus where it is above. */
  sign: '' | '−' | '+';
  /** Digits in groups, and decimals. */
  digits: string;
}

/** MoneyFormats writes amounts as a language does, of Latin digits. Amounts are never numbers of a browser: those lose cents. */
export class MoneyFormats {
  private readonly locale: string;
  private readonly groups: Intl.NumberFormat;
  readonly decimal: string;
  constructor(lang: Language) {
    this.locale = `${lang}-u-nu-latn`;
    this.groups = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 0 });
    this.decimal = new Intl.NumberFormat(this.locale, { minimumFractionDigits: 1 }).formatToParts(1.5).find((p) => p.type === 'decimal')?.value ?? '.';
  }
  parts(minor: string | undefined, scale: number, asset = '', plus = false): Parts {
    const n = toMinor(minor);
    const [size, sign] = n < 0n ? [-n, '−' as const] : [n, plus && n > 0n ? ('+' as const) : ('' as const)];
    const one = 10n ** BigInt(scale);
    const rest = size % one;
    const decimals = scale === 0 || (rest === 0n && whole.has(asset)) ? '' : this.decimal + rest.toString().padStart(scale, '0');
    return { sign, digits: this.groups.format(size / one) + decimals };
  }
  /** text is an amount with its currency, for titles and places where nothing can be marked up. */
  text(minor: string | undefined, scale: number, asset: string): string {
    const { sign, digits } = this.parts(minor, scale, asset);
    return `\u2066${sign}${digits} ${asset}\u2069`; // isolated, left to right
  }
  /** name is what a currency is called, and its code where this browser does not know. */
  name(asset: string): string {
    if (!/^[A-Z]{3}$/.test(asset)) return asset;
    return new Intl.DisplayNames(this.locale, { type: 'currency' }).of(asset) ?? asset;
  }
  /** plain is an amount as it is typed again: no groups, the language's decimal sign. */
  plain(minor: string | undefined, scale: number): string {
    const digits = toMinor(minor).toString().padStart(scale + 1, '0');
    const [front, rest] = [digits.slice(0, digits.length - scale), digits.slice(digits.length - scale)];
    return /^0*$/.test(rest) ? front : front + this.decimal + rest;
  }
}

/** toMinor reads what the node sends. What is missing is nothing; what is no number is none either, and never a guess. */
export function toMinor(minor: string | undefined): bigint {
  return minor !== undefined && /^-?\d{1,60}$/.test(minor) ? BigInt(minor) : 0n;
}

/** toNumber is for plots and bars, where a hair's breadth does not count. */
export const toNumber = (minor: string | undefined, scale: number) => Number(toMinor(minor)) / 10 ** scale;

export const sum = (amounts: (string | undefined)[]): string => amounts.reduce((a, b) => a + toMinor(b), 0n).toString();

const made = new Map<Language, MoneyFormats>();

export function useMoney(): MoneyFormats {
  const lang = useStore(language);
  let f = made.get(lang);
  if (!f) made.set(lang, (f = new MoneyFormats(lang)));
  return f;
}

export type Fault = 'empty' | 'form' | 'decimals' | 'large' | 'zero' | 'ambiguous';
export type Parsed = { minor: string } | { fault: Fault };

const mostDigits = 30;
const spaces = /[\s\u00a0\u2000-\u200b\u202f\u2060\u2066-\u2069\u200e\u200f\u061c'’_]/g;

/**
 * parseMoney reads what people type: Latin, Arabic and Persian digits, either decimal sign, digits in groups. Where a sign could
 * be either ("1.234" of a currency with three decimals) it says so rather than guess.
 */
export function parseMoney(typed: string, scale: number, asset = ''): Parsed {
  let s = typed.normalize('NFKC').toUpperCase().replace(spaces, '');
  if (asset && s.endsWith(asset)) s = s.slice(0, -asset.length);
  else if (asset && s.startsWith(asset)) s = s.slice(asset.length);
  s = s.replace(/[٠-٩]/g, (d) => String(d.charCodeAt(0) - 0x660)).replace(/[۰-۹]/g, (d) => String(d.charCodeAt(0) - 0x6f0));
  s = s.replaceAll('،', ',');
  if (!s) return { fault: 'empty' };
  // The Arabic signs say which they are.
  if (/[٫٬]/.test(s)) return /[.,]/.test(s) ? { fault: 'form' } : number(s.replaceAll('٬', 'G'), s.includes('٫') ? '٫' : '', scale);
  return number(s, decimalOf(s, scale), scale);
}

/** decimalOf finds the sign that begins the decimals: '' where there is none, '?' where nobody can know. */
function decimalOf(s: string, scale: number): string {
  const signs = s.replace(/[^.,]/g, '');
  if (signs === '') return '';
  const last = signs.at(-1)!;
  const count = signs.split(last).length - 1;
  if (signs.length > count) return count === 1 ? last : ''; // both are there: the last is the decimal sign, once
  if (count > 1) return '';
  const at = s.indexOf(last);
  const [before, after] = [at, s.length - at - 1];
  if (after !== 3 || before === 0 || before > 3 || s[0] === '0') return last; // these are no groups
  return scale < 3 ? '' : '?';
}

function number(s: string, decimal: string, scale: number): Parsed {
  if (decimal === '?') return { fault: 'ambiguous' };
  const at = decimal ? s.lastIndexOf(decimal) : s.length;
  const [front, rest] = [s.slice(0, at), s.slice(at + 1)];
  if (!/^\d*$/.test(rest) || front + rest === '' || !(/^\d*$/.test(front) || grouped(front))) return { fault: 'form' };
  if (rest.replace(/0+$/, '').length > scale) return { fault: 'decimals' };
  const digits = (front.replace(/\D/g, '') + rest.slice(0, scale).padEnd(scale, '0')).replace(/^0+/, '');
  if (digits === '') return { fault: 'zero' };
  return digits.length > mostDigits ? { fault: 'large' } : { minor: digits };
}

/** Groups of three; with commas also of two before the last three, as in South Asia. One sign only stands between them. */
function grouped(front: string): boolean {
  const [, sign, rest] = /^\d{1,3}([.,G])(.*)$/.exec(front) ?? [];
  if (!sign) return false;
  const more = rest!.split(sign);
  const last = more.pop()!;
  const size = sign === '.' || more.every((g) => g.length === 3) ? 3 : 2;
  return /^\d{3}$/.test(last) && more.every((g) => g.length === size && /^\d+$/.test(g));
}
