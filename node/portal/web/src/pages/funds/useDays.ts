import { useStore } from '@/api/store';
import { type Language, language } from '@/i18n';

/** Days writes dates and axes of the pages of funds, of Latin digits as everywhere. */
export class Days {
  private readonly locale: string;
  constructor(lang: Language) {
    this.locale = `${lang}-u-nu-latn-ca-gregory`;
  }
  /** date is a day of some year, without its time. */
  date(t: string | Date | undefined): string {
    return t === undefined ? '' : new Intl.DateTimeFormat(this.locale, { day: 'numeric', month: 'short', year: 'numeric' }).format(new Date(t));
  }
  /** part names a day or a month of a plot, as short as it can be said. */
  part(t: Date, step: 'DAY' | 'MONTH'): string {
    return new Intl.DateTimeFormat(this.locale, step === 'DAY' ? { day: 'numeric', month: 'short' } : { month: 'short' }).format(t);
  }
  /** short is a number on an axis: 1.2 million in few letters. */
  short(n: number): string {
    return new Intl.NumberFormat(this.locale, { notation: 'compact', maximumFractionDigits: 1 }).format(n);
  }
}

const made = new Map<Language, Days>();

export function useDays(): Days {
  const lang = useStore(language);
  let d = made.get(lang);
  if (!d) made.set(lang, (d = new Days(lang)));
  return d;
}
