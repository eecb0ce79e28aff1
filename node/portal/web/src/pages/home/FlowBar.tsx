import { useTranslation } from 'react-i18next';
import type { LedgerRow } from '@/api/node';
import { useFormats } from '@/i18n/format';

/** The bar shows how much of what was accepted has arrived. A share that is not nothing stays visible. */
export function FlowBar({ row }: { row: LedgerRow }) {
  const { t } = useTranslation();
  const f = useFormats();
  const accepted = Number(row.accepted ?? 0);
  if (accepted === 0) return <p className="mt-4 text-sm text-soft">{t('ledger.none')}</p>;
  const part = (n: string | undefined) => Math.min(1, Number(n ?? 0) / accepted);
  const shares: [string, number, string][] = [
    [t('ledger.onHub'), part(row.onHub), 'bg-accent'],
    [t('ledger.waiting'), part(row.waiting), 'bg-warn'],
    [t('ledger.shed'), part(row.shed), 'bg-soft'],
    [t('ledger.lost'), part(row.lost), 'bg-bad'],
  ];
  const shown = shares.filter(([, p]) => p > 0);
  return (
    <div className="mt-5">
      <div className="flex h-2.5 gap-0.5 overflow-hidden rounded-full bg-raised" aria-hidden>
        {shown.map(([name, p, colour]) => (
          <div key={name} className={`${colour} min-w-1 rounded-full`} style={{ width: `${p * 100}%` }} />
        ))}
      </div>
      <ul className="figures mt-2 flex flex-wrap gap-x-5 gap-y-1 text-xs text-soft">
        {shown.map(([name, p, colour]) => (
          <li key={name} className="flex items-center gap-1.5">
            <span className={`${colour} size-2 rounded-full`} aria-hidden />
            {name} {f.percent(p)}
          </li>
        ))}
      </ul>
    </div>
  );
}
