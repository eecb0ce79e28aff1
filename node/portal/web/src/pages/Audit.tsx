import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { ScrollText } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type AuditFilter, type AuditRecord, audit, auditCheck } from '@/api/more';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Field, Select } from '@/ui/Field';
import { text } from '@/ui/Form';
import { Page } from '@/ui/Page';
import { Empty, Failure, Skeleton } from '@/ui/States';
import { Table } from '@/ui/Table';

export default function Audit() {
  const { t } = useTranslation();
  const filter = useSearch({ strict: false }) as AuditFilter;
  const query = useInfiniteQuery(audit(filter));
  const rows = query.data?.pages.flatMap((p) => p.records ?? []) ?? [];
  return (
    <Page title={t('nav.audit')} lead={t('audit.lead')}>
      <Proof />
      <Filter filter={filter} />
      <Card flush>
        {query.data ? rows.length ? <Records rows={rows} /> : <Empty icon={ScrollText} title={t('audit.none')} /> : query.error ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Skeleton lines={8} />}
      </Card>
      {query.hasNextPage && (
        <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </Page>
  );
}

/** Whether the record is whole is proven, not promised: the tree was computed anew. */
function Proof() {
  const { t } = useTranslation();
  const f = useFormats();
  const check = useQuery(auditCheck).data;
  if (!check) return null;
  if (!check.ok)
    return (
      <Notice tone="bad" hint={t('audit.brokenHint')}>
        {check.problem || t('audit.broken')}
      </Notice>
    );
  return (
    <Notice tone="good" hint={check.cosigners ? t('audit.cosigned', { count: check.cosigners }) : undefined}>
      {t('audit.whole', { size: f.count(check.size), when: f.ago(check.checked) })}
    </Notice>
  );
}

function Filter({ filter }: { filter: AuditFilter }) {
  const { t } = useTranslation();
  const go = useNavigate();
  return (
    <form
      key={JSON.stringify(filter)}
      className="grid items-end gap-3 sm:grid-cols-[1fr_1fr_10rem_auto]"
      onSubmit={(e) => {
        e.preventDefault();
        const d = new FormData(e.currentTarget);
        const word = (name: string) => text(d, name) || undefined;
        void go({ to: '/audit', search: { actor: word('actor'), action: word('action'), outcome: word('outcome') } });
      }}
    >
      <Field label={t('audit.actor')} name="actor" defaultValue={filter.actor} />
      <Field label={t('audit.action')} name="action" latin defaultValue={filter.action} />
      <Select label={t('audit.outcome')} name="outcome" defaultValue={filter.outcome}>
        <option value="">{t('audit.all')}</option>
        <option value="done">{t('audit.done')}</option>
        <option value="refused">{t('audit.refused')}</option>
      </Select>
      <Button type="submit">{t('audit.filter')}</Button>
    </form>
  );
}

function Records({ rows }: { rows: AuditRecord[] }) {
  const { t } = useTranslation();
  const f = useFormats();
  return (
    <Table
      label={t('nav.audit')}
      rows={rows}
      id={(r) => r.position ?? `${r.time}${r.action}${r.object}`}
      columns={[
        { name: t('audit.time'), cell: (r) => <time dateTime={r.time} className="figures whitespace-nowrap">{f.moment(r.time)}</time> },
        { name: t('audit.actor'), wide: true, cell: (r) => <bdi>{r.actor}</bdi> },
        {
          name: t('audit.action'),
          cell: (r) => (
            <>
              <bdi className="font-mono text-xs">{r.action}</bdi>
              {r.object && <bdi className="block text-xs text-soft">{r.object}</bdi>}
              {/* On a phone there is no room for a column of names. */}
              <bdi className="block text-xs md:hidden">{r.actor}</bdi>
            </>
          ),
        },
        {
          name: t('audit.outcome'),
          cell: (r) => (
            <>
              <Badge tone={r.outcome === 'refused' ? 'bad' : 'none'}>{t(r.outcome === 'refused' ? 'audit.refused' : 'audit.done')}</Badge>
              {r.reason && <bdi className="block text-xs text-soft">{r.reason}</bdi>}
            </>
          ),
        },
      ]}
    />
  );
}
