import { useTranslation } from 'react-i18next';
import type { Ledger, LedgerRow } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { Card } from '@/ui/Card';
import { Sign } from '@/ui/Badge';
import { Table } from '@/ui/Table';
import { FlowBar } from './FlowBar';

const classes = ['critical', 'ledger', 'clinical', 'community', 'telemetry', 'bulk'] as const;

export function useClassName() {
  const { t } = useTranslation();
  return (name: string | undefined) => (classes.includes(name as never) ? t(`class.${name as 'bulk'}`) : (name ?? ''));
}

/** The ledger is the page's one promise: accepted is what was acknowledged, and every record of it is somewhere. */
export function LedgerCard({ ledger, hub }: { ledger: Ledger; hub: boolean }) {
  const { t } = useTranslation();
  const total = ledger.total ?? {};
  const lost = Number(total.lost ?? 0);
  return (
    <Card>
      <div className="mb-4 flex items-start gap-3">
        <span className="mt-0.5">
          <Sign tone={lost === 0 ? 'good' : 'bad'} size={24} />
        </span>
        <div>
          <h2 className="text-lg font-semibold">{lost === 0 ? t('ledger.nothingLost') : t('ledger.somethingLost', { count: lost })}</h2>
          <p className="text-sm text-soft">{t(hub ? 'ledger.leadHub' : 'ledger.lead')}</p>
        </div>
      </div>
      <Figures row={total} />
      <FlowBar row={total} />
      <details className="mt-4 text-sm">
        <summary className="inline-block min-h-8 py-1 font-medium text-accent">{t('ledger.byClass')}</summary>
        <div className="-mx-4 mt-1">
          <Rows rows={ledger.rows ?? []} objects={ledger.objects} />
        </div>
      </details>
    </Card>
  );
}

function Figures({ row }: { row: LedgerRow }) {
  const { t } = useTranslation();
  const f = useFormats();
  const lost = Number(row.lost ?? 0) > 0;
  const all: [string, string | undefined, string][] = [
    [t('ledger.accepted'), row.accepted, 'text-ink'],
    [t('ledger.onHub'), row.onHub, 'text-ink'],
    [t('ledger.waiting'), row.waiting, 'text-ink'],
    [t('ledger.lost'), row.lost, lost ? 'text-bad' : 'text-good'],
  ];
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-5 sm:grid-cols-4">
      {all.map(([name, n, colour]) => (
        <div key={name} className="flex flex-col-reverse">
          <dt className="text-sm text-soft">{name}</dt>
          <dd className={`figures text-3xl leading-tight font-semibold sm:text-4xl ${colour}`}>{f.count(n)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Rows({ rows, objects }: { rows: LedgerRow[]; objects?: LedgerRow }) {
  const { t } = useTranslation();
  const f = useFormats();
  const name = useClassName();
  const all = objects ? [...rows, { ...objects, class: t('class.objects') }] : rows;
  const figure = (key: 'accepted' | 'onHub' | 'waiting' | 'shed' | 'lost') => ({
    name: t(`ledger.${key}`),
    figures: true,
    cell: (r: LedgerRow) => f.count(r[key]),
  });
  return (
    <Table
      label={t('ledger.byClass')}
      rows={all}
      id={(r) => r.class ?? ''}
      columns={[
        { name: t('ledger.class'), cell: (r) => name(r.class) },
        figure('accepted'),
        figure('onHub'),
        figure('waiting'),
        { ...figure('shed'), wide: true },
        figure('lost'),
      ]}
    />
  );
}
