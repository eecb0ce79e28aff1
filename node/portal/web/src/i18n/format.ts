import { useStore } from '@/api/store';
import { type Language, language } from './index';

/**
 * Formats writes numbers and times as the language does. Digits are Latin in all five: values stand beside
 * units, device ids and charts, and a column must line up.
 */
export class Formats {
  private readonly locale: string;
  private readonly whole: Intl.NumberFormat;
  private readonly fine: Intl.NumberFormat;
  constructor(lang: Language) {
    this.locale = `${lang}-u-nu-latn-ca-gregory`;
    this.whole = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 0 });
    this.fine = new Intl.NumberFormat(this.locale, { maximumSignificantDigits: 6 });
  }
  /** count takes a 64-bit number as the node sends it, in a string, without losing a digit. */
  count(n: string | number | undefined): string {
    return this.whole.format(typeof n === 'string' && /^-?\d+$/.test(n) ? BigInt(n) : Number(n ?? 0));
  }
  value(n: number): string {
    return this.fine.format(n);
  }
  percent(part: number): string {
    return new Intl.NumberFormat(this.locale, { style: 'percent', maximumFractionDigits: 1 }).format(part);
  }
  bytes(n: string | number | undefined): string {
    let v = Number(n ?? 0);
    const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
    let u = 0;
    for (; v >= 1000 && u < units.length - 1; u++) v /= 1000;
    return new Intl.NumberFormat(this.locale, { style: 'unit', unit: units[u], unitDisplay: 'short', maximumFractionDigits: v < 10 && u > 0 ? 1 : 0 }).format(v);
  }
  time(t: string | number | Date | undefined): string {
    return t === undefined ? '' : new Intl.DateTimeFormat(this.locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(new Date(t));
  }
  /** moment is a day and a time, of 24 hours as on charts and clocks; the year is left out where it is this one. */
  moment(t: string | number | Date | undefined, now = new Date()): string {
    if (t === undefined) return '';
    const at = new Date(t);
    const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
    return new Intl.DateTimeFormat(this.locale, { day: 'numeric', month: 'short', year, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at);
  }
  hijri(t: Date): string {
    return new Intl.DateTimeFormat(this.locale.replace('gregory', 'islamic-umalqura'), { dateStyle: 'long' }).format(t);
  }
  day(t: Date): string {
    return new Intl.DateTimeFormat(this.locale, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }).format(t);
  }
  clock(t: Date): string {
    return new Intl.DateTimeFormat(this.locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(t);
  }
  /** tick names a time on an axis: by the second within minutes, by the minute within two days, by the day beyond. */
  tick(seconds: number, times: number[]): string {
    const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
    const how: Intl.DateTimeFormatOptions = span > 172_800 ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit', second: span < 240 ? '2-digit' : undefined, hourCycle: 'h23' };
    return new Intl.DateTimeFormat(this.locale, how).format(seconds * 1000);
  }
  /** ago is "3 minutes ago" or "in 2 days", in the largest unit that fits. */
  ago(t: string | number | undefined, now = Date.now()): string {
    if (t === undefined) return '';
    const s = (new Date(t).getTime() - now) / 1000;
    const steps: [Intl.RelativeTimeFormatUnit, number][] = [['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3_600], ['minute', 60]];
    const f = new Intl.RelativeTimeFormat(this.locale, { numeric: 'auto' });
    for (const [unit, size] of steps) if (Math.abs(s) >= size) return f.format(Math.trunc(s / size), unit);
    return f.format(Math.trunc(s), 'second');
  }
}

const made = new Map<Language, Formats>();

export function useFormats(): Formats {
  const lang = useStore(language);
  let f = made.get(lang);
  if (!f) made.set(lang, (f = new Formats(lang)));
  return f;
}
