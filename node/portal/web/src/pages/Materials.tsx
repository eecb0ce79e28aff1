import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Material } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { Field } from '@/ui/Field';
import { Table } from '@/ui/Table';

/** What the program is made of, and under which licences. */
export function Materials({ list }: { list: Material[] }) {
  const { t } = useTranslation();
  const f = useFormats();
  const [words, setWords] = useState('');
  const wanted = words.trim().toLowerCase();
  const shown = list.filter((m) => `${m.name} ${m.licence}`.toLowerCase().includes(wanted));
  return (
    <>
      <p className="text-sm font-medium">{t('about.parts', { count: list.length })}</p>
      <p className="mb-3 text-sm text-soft">{counted(list).map(([licence, n]) => `${licence} ${f.count(n)}`).join(' · ')}</p>
      <details className="text-sm">
        <summary className="inline-block min-h-8 py-1 font-medium text-accent">{t('about.list')}</summary>
        <div className="my-2 max-w-sm">
          <Field label={t('devices.filter')} type="search" value={words} onChange={(e) => setWords(e.target.value)} />
        </div>
        <div className="-mx-4 max-h-96 overflow-y-auto">
          <Table
            label={t('about.list')}
            rows={shown}
            id={(m) => `${m.kind}/${m.name}`}
            columns={[
              { name: t('devices.name'), cell: (m) => <bdi className="font-mono text-xs break-all">{m.name}</bdi> },
              { name: t('about.version'), wide: true, cell: (m) => <bdi className="font-mono text-xs">{m.version}</bdi> },
              { name: t('about.licence'), cell: (m) => <bdi className="text-xs">{m.licence || '–'}</bdi> },
            ]}
          />
        </div>
      </details>
    </>
  );
}

/** Licences and how many parts are under each, the most first. */
export function counted(list: Material[]): [string, number][] {
  const by = new Map<string, number>();
  for (const m of list) by.set(m.licence || '–', (by.get(m.licence || '–') ?? 0) + 1);
  return [...by].sort((a, b) => b[1] - a[1]);
}
