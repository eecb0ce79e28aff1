import { useTranslation } from 'react-i18next';
import type { Site } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { Notice } from '@/ui/Badge';
import { Own } from '@/ui/Own';
import { Table } from '@/ui/Table';

export function SiteStreams({ site }: { site: Site }) {
  const { t } = useTranslation();
  const f = useFormats();
  const streams = site.streams ?? [];
  return (
    <>
      {streams
        .filter((s) => s.frozen)
        .map((s) => (
          <div key={`${s.origin}/${s.name}`} className="mt-3">
            <Notice tone="bad" hint={<Own text={s.frozen} />}>
              {t('hub.frozenStream', { name: s.name })}
            </Notice>
          </div>
        ))}
      <details className="mt-1 text-sm sm:ms-8.5">
        <summary className="inline-block min-h-8 py-1 font-medium text-accent">{t('hub.streams', { count: streams.length })}</summary>
        <div className="-mx-4 sm:mx-0">
          <Table
            label={t('hub.streams', { count: streams.length })}
            rows={streams}
            id={(s) => `${s.origin}/${s.name}`}
            columns={[
              { name: t('hub.stream'), cell: (s) => <bdi className="font-mono text-xs">{s.name}</bdi> },
              { name: t('hub.origin'), wide: true, cell: (s) => <bdi className="font-mono text-xs">{(s.origin ?? '').slice(0, 18)}</bdi> },
              { name: t('hub.received'), figures: true, cell: (s) => f.count(s.received) },
              { name: t('ledger.shed'), figures: true, wide: true, cell: (s) => f.count(s.skipped) },
              { name: t('hub.last'), figures: true, cell: (s) => f.ago(s.last) },
            ]}
          />
        </div>
      </details>
    </>
  );
}
