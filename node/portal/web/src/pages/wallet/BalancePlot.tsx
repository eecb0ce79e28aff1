import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Account, balanceAt, entriesSince } from '@/api/money/ledger';
import { Card } from '@/ui/Card';
import Chart from '@/ui/Chart';
import { useScale } from '@/ui/Money';
import { Skeleton } from '@/ui/States';
import { steps } from './plot';

const spans = [7, 30, 90, 365] as const;

/** What stood on an account over the last days. */
export default function BalancePlot({ account: a }: { account: Account }) {
  const { t } = useTranslation();
  const [days, setDays] = useState<number>(30);
  const scale = useScale()(a.asset);
  // A day's grid keeps the question the same from one look to the next.
  const from = useMemo(() => new Date(new Date().setHours(0, 0, 0, 0) - (days - 1) * 86_400_000), [days]);
  const moved = useQuery({ queryKey: ['entries', a.id, 'since', from.getTime()], queryFn: ({ signal }) => entriesSince(a.id, from, signal) });
  const before = useQuery(balanceAt(a.id, from.toISOString())).data;
  const line = useMemo(() => {
    if (!moved.data || scale === undefined) return undefined;
    // With more than could be fetched the plot begins where the oldest of them is.
    const oldest = moved.data.more ? Date.parse(moved.data.entries.at(-1)?.time ?? '') : from.getTime();
    const begin = Math.max(oldest, Date.parse(a.opened ?? '') || 0) / 1000;
    return steps(moved.data.entries, scale, begin, moved.data.more ? moved.data.entries.at(-1)?.balance?.posted : before?.posted, Date.now() / 1000);
  }, [moved.data, before, scale, from, a.opened]);
  return (
    <Card title={t('wallet.plot')} action={<Spans days={days} onChange={setDays} />}>
      {line ? <Chart label={t('wallet.posted')} unit={a.asset ?? ''} times={line.times} values={line.values} /> : <Skeleton lines={6} />}
    </Card>
  );
}

function Spans({ days, onChange }: { days: number; onChange: (d: number) => void }) {
  const { t } = useTranslation();
  return (
    <div role="group" aria-label={t('devices.span')} className="flex gap-1">
      {spans.map((d) => (
        <button
          key={d}
          type="button"
          aria-pressed={d === days}
          onClick={() => onChange(d)}
          className={`min-h-8 rounded-lg px-2.5 text-xs font-medium ${d === days ? 'bg-accent-ground text-accent' : 'text-soft hover:bg-raised'}`}
        >
          {t('devices.days', { count: d })}
        </button>
      ))}
    </div>
  );
}
