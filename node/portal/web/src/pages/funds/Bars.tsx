import { useTranslation } from 'react-i18next';
import { Table } from '@/ui/Table';
import type { Part } from './parts';
import { useDays } from './useDays';

const hatched = { backgroundImage: 'repeating-linear-gradient(45deg, var(--soft) 0 2px, transparent 2px 6px)' };

interface Props {
  label: string;
  parts: Part[];
  step: 'DAY' | 'MONTH';
  /** Writes a sum with its currency, and short where it stands on an axis. */
  sum: (minor: bigint) => string;
  short: (minor: bigint) => string;
}

/**
 * Bars show what came in and what was spent, part by part. They are told apart by their pattern, not by colour alone, and
 * are plain elements: a page that anyone opens on a phone waits for no library of charts.
 */
export function Bars({ label, parts, step, sum, short }: Props) {
  const { t } = useTranslation();
  const days = useDays();
  const top = parts.reduce((m, p) => (p.income > m ? p.income : p.spent > m ? p.spent : m), 1n);
  const high = (n: bigint) => `${n <= 0n ? 0 : Math.max(1.5, Number((n * 1000n) / top) / 10)}%`;
  const every = parts.length > 12 ? 7 : parts.length > 6 ? 3 : 1;
  const moved = parts.filter((p) => p.income !== 0n || p.spent !== 0n);
  return (
    <figure className="min-w-0">
      <figcaption className="mb-3 flex flex-wrap gap-x-5 gap-y-1 text-xs text-soft">
        <span className="inline-flex items-center gap-1.5">
          <span aria-hidden className="size-3 rounded-xs bg-accent" />
          {t('fund.in')}
        </span>
        <span className="inline-flex items-center gap-1.5">
          <span aria-hidden className="size-3 rounded-xs border border-soft" style={hatched} />
          {t('fund.out')}
        </span>
      </figcaption>
      {/* Time runs from left to right in every language, as on the other charts. */}
      <div dir="ltr" role="img" aria-label={label}>
        <div className="relative h-36 border-b border-line">
          <span className="absolute inset-x-0 top-0 border-t border-dashed border-line" />
          <bdi className="figures absolute start-0 -top-0.5 bg-card px-1 text-xs text-soft">{short(top)}</bdi>
          <div className="flex h-full items-end gap-[2px] sm:gap-1">
            {parts.map((p) => (
              <div key={p.from} className="flex h-full min-w-0 flex-1 items-end justify-center gap-px" title={`${days.part(p.at, step)} · ${sum(p.income)} · ${sum(p.spent)}`}>
                <span className="block w-1/2 max-w-5 rounded-t-xs bg-accent" style={{ height: high(p.income) }} />
                <span className={`block w-1/2 max-w-5 rounded-t-xs ${p.spent > 0n ? 'border border-b-0 border-soft' : ''}`} style={{ ...hatched, height: high(p.spent) }} />
              </div>
            ))}
          </div>
        </div>
        <div className="flex gap-[2px] sm:gap-1">
          {parts.map((p, i) => (
            <span key={p.from} className="relative h-5 min-w-0 flex-1">
              {(parts.length - 1 - i) % every === 0 && <bdi className="absolute inset-x-1/2 flex w-0 justify-center text-xs whitespace-nowrap text-soft">{days.part(p.at, step)}</bdi>}
            </span>
          ))}
        </div>
      </div>
      {moved.length > 0 && (
        <details className="text-sm">
          <summary className="inline-block py-2 text-accent">{t('devices.asTable')}</summary>
          <Table
            label={label}
            rows={[...moved].reverse()}
            id={(p) => p.from}
            columns={[
              { name: t('devices.time'), cell: (p) => days.part(p.at, step) },
              { name: t('fund.in'), figures: true, cell: (p) => <bdi>{sum(p.income)}</bdi> },
              { name: t('fund.out'), figures: true, cell: (p) => <bdi>{sum(p.spent)}</bdi> },
            ]}
          />
        </details>
      )}
    </figure>
  );
}
