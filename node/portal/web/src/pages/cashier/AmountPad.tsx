import { Delete } from 'lucide-react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { parseMoney, useMoney } from '@/i18n/money';
import { useScale } from '@/ui/Money';

/** Currencies of large figures get three zeros at once where others have their decimal sign. */
const large = new Set(['IDR', 'VND', 'IRR', 'IQD', 'LBP', 'UZS', 'PKR', 'KRW']);
const longest = 15; // characters

/** An AmountPad is for a thumb; a keyboard types into the same field. No keyboard covers half of the screen. */
export function AmountPad({ asset, value, onChange }: { asset: string; value: string; onChange: (typed: string) => void }) {
  const { t } = useTranslation();
  const m = useMoney();
  const id = useId();
  const scale = useScale()(asset) ?? 0;
  const parsed = parseMoney(value, scale, asset);
  const press = (key: string) => {
    if (key === '⌫') return onChange(value.slice(0, -1));
    const next = value === '0' && /\d/.test(key) ? key.replace(/^0+/, '') || '0' : value + key;
    if (next.length <= longest) onChange(next);
  };
  const corner = scale === 0 || large.has(asset) ? '000' : m.decimal;
  const understood = 'minor' in parsed ? m.text(parsed.minor, scale, asset) : m.text('0', scale, asset);
  return (
    <div className="space-y-2">
      <div className="rounded-xl border border-line bg-card px-4 py-2 focus-within:border-accent">
        <label htmlFor={id} className="block text-xs text-soft">
          {t('wallet.amount')} ({asset})
        </label>
        <input
          id={id}
          dir="ltr"
          inputMode="none"
          autoComplete="off"
          value={value}
          onChange={(e) => onChange(e.target.value.slice(0, longest))}
          className="figures w-full bg-transparent text-end text-2xl font-semibold outline-none"
        />
        <p aria-live="polite" className={`text-end text-sm rtl:text-start ${'fault' in parsed && parsed.fault !== 'empty' ? 'text-bad' : 'text-soft'}`}>
          {'fault' in parsed && !['empty', 'zero'].includes(parsed.fault) ? t('money.faultForm') : `\u2066= ${understood}\u2069`}
        </p>
      </div>
      <div dir="ltr" className="grid grid-cols-3 gap-2">
        {['1', '2', '3', '4', '5', '6', '7', '8', '9', corner, '0', '⌫'].map((key) => (
          <button
            key={key}
            type="button"
            aria-label={key === '⌫' ? t('cashier.erase') : undefined}
            onClick={() => press(key)}
            className="flex min-h-13 items-center justify-center rounded-xl bg-raised text-xl font-medium active:bg-line"
          >
            {key === '⌫' ? <Delete size={22} aria-hidden /> : key}
          </button>
        ))}
      </div>
    </div>
  );
}
