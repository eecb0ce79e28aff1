import { useQuery, useQueryClient } from '@tanstack/react-query';
import { LineChart } from 'lucide-react';
import { Suspense, lazy, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Reading, history, methods } from '@/api/devices';
import { useLive } from '@/api/useLive';
import { useFormats } from '@/i18n/format';
import { Card } from '@/ui/Card';
import { Empty, Loaded, Skeleton } from '@/ui/States';
import { Table } from '@/ui/Table';
import { useQuantity } from './useQuantity';
import { type Series, series } from './values';

const Chart = lazy(() => import('@/ui/Chart'));
const spans = [1, 6, 24, 168] as const;
const keptLive = 10_000;

export function History({ id }: { id: string }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [hours, setHours] = useState<number>(6);
  const wanted = history(id, hours);
  const query = useQuery(wanted);
  useLive<Reading>(methods.watchReadings, { device: id }, (r) =>
    client.setQueryData<Reading[]>(wanted.queryKey, (old) => [r, ...(old ?? [])].slice(0, keptLive)),
  );
  return (
    <Card title={t('devices.history')} action={<Spans hours={hours} onChange={setHours} />}>
      <Loaded query={query}>{(readings) => <Lines readings={readings} />}</Loaded>
    </Card>
  );
}

function Spans({ hours, onChange }: { hours: number; onChange: (h: number) => void }) {
  const { t } = useTranslation();
  return (
    <div role="group" aria-label={t('devices.span')} className="flex gap-1">
      {spans.map((h) => (
        <button
          key={h}
          type="button"
          aria-pressed={h === hours}
          onClick={() => onChange(h)}
          className={`min-h-8 rounded-lg px-2.5 text-xs font-medium ${h === hours ? 'bg-accent-ground text-accent' : 'text-soft hover:bg-raised'}`}
        >
          {h < 48 ? t('devices.hours', { count: h }) : t('devices.days', { count: h / 24 })}
        </button>
      ))}
    </div>
  );
}

/** So many charts side by side that none is left alone beside a hole, where that can be. */
const columns = (n: number) => (n === 1 ? '' : n % 3 === 0 ? 'xl:grid-cols-3' : 'xl:grid-cols-2');

function Lines({ readings }: { readings: Reading[] }) {
  const { t } = useTranslation();
  const lines = useMemo(() => series(readings), [readings]);
  if (lines.length === 0) {
    return (
      <Empty icon={LineChart} title={t('devices.noReadings')}>
        {t('devices.noReadingsHint')}
      </Empty>
    );
  }
  return (
    <div className={`grid gap-x-8 gap-y-6 ${columns(lines.length)}`}>
      {lines.slice(0, 8).map((l) => (
        <Line key={l.name} line={l} />
      ))}
    </div>
  );
}

function Line({ line }: { line: Series }) {
  const { t } = useTranslation();
  const f = useFormats();
  const name = useQuantity()(line.name);
  const last = line.values.length - 1;
  const rows = line.times.map((time, i) => ({ time, value: line.values[i]! })).slice(-50).reverse();
  return (
    <figure className="min-w-0">
      <figcaption className="flex items-baseline justify-between gap-3">
        <bdi className="truncate text-sm font-medium">{name}</bdi>
        <span dir="ltr" className="figures text-xl font-semibold">
          {f.value(line.values[last]!)} <span className="text-sm font-normal text-soft">{line.unit}</span>
        </span>
      </figcaption>
      <Suspense fallback={<Skeleton lines={5} />}>
        <Chart label={name} unit={line.unit} times={line.times} values={line.values} />
      </Suspense>
      <details className="text-sm">
        <summary className="inline-block py-1 text-accent">{t('devices.asTable')}</summary>
        <div className="max-h-56 overflow-y-auto">
          <Table
            label={name}
            rows={rows}
            id={(r) => String(r.time)}
            columns={[
              { name: t('devices.time'), cell: (r) => f.moment(r.time * 1000) },
              { name: line.unit || t('devices.value'), figures: true, cell: (r) => f.value(r.value) },
            ]}
          />
        </div>
      </details>
    </figure>
  );
}
