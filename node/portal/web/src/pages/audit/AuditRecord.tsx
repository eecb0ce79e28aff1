import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { type AuditRecord, auditRecord } from '@/api/audit';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { Badge } from '@/ui/Badge';
import { linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { ProofOf } from './ProofOf';
import { useAuditWords } from './words';

/** One record, and what proves that it is the one that was written. */
export default function AuditRecordPage() {
  const { t } = useTranslation();
  const { journal, epoch, number } = useParams({ strict: false }) as { journal: string; epoch: string; number: string };
  const words = useAuditWords();
  const query = useQuery(auditRecord(journal, epoch, number));
  const back = (
    <Link to="/audit" className={linkLooks()}>
      {t('audit.allRecords')}
    </Link>
  );
  return (
    <Page title={t('audit.recordTitle')} lead={query.data?.record ? words.op(query.data.record) : <bdi className="latin font-mono">{`${journal} ${epoch}/${number}`}</bdi>} action={back}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('audit.what')}>
          <Loaded query={query} lines={8}>
            {(p) => <What record={p.record ?? {}} />}
          </Loaded>
        </Card>
        {query.data && (
          <Card title={t('audit.proof')}>
            <ProofOf proven={query.data} />
          </Card>
        )}
      </div>
    </Page>
  );
}

function What({ record: r }: { record: AuditRecord }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const words = useAuditWords();
  const [tone, outcome] = words.outcome(r);
  const code = (x: string | undefined) => <bdi className="latin font-mono text-xs break-all">{x}</bdi>;
  const rows: [ReactNode, ReactNode, boolean][] = [
    [t('audit.time'), f.moment(r.time), true],
    [t('audit.kind'), words.kind(r), true],
    [t('audit.actor'), <><Thing type={r.actorKind} id={r.actor} text={name(r.actor)} /> <Badge>{words.actorKind(r)}</Badge></>, true],
    [t('audit.action'), <>{words.op(r)} <span className="block font-normal text-soft">{code(r.op)}</span></>, Boolean(r.op)],
    [t('audit.about'), <>{words.object(r)} <Thing type={r.objectType} id={r.objectId} text={name(r.objectId)} /></>, Boolean(r.objectType)],
    [t('audit.outcome'), <Badge tone={tone}>{outcome}</Badge>, true],
    [t('audit.why'), words.reason(r), Boolean(words.reason(r))],
    [t('audit.policies'), code((r.policies ?? []).join(', ')), Boolean(r.policies?.length)],
    [t('audit.emergency'), code(r.emergency), Boolean(r.emergency)],
    [t('audit.door'), code(r.door), Boolean(r.door)],
    [t('audit.address'), code(r.address), Boolean(r.address)],
    [t('audit.session'), code(r.session), Boolean(r.session)],
    [t('audit.request'), <Link to="/audit" search={{ request: r.request }} className="text-accent underline">{code(r.request)}</Link>, Boolean(r.request)],
    [t('audit.position'), code(`${r.journal} ${r.position}`), true],
  ];
  return <Facts rows={rows.filter(([, , there]) => there).map(([a, b]) => [a, b])} />;
}

function Thing({ type, id, text }: { type?: string; id?: string; text: string }) {
  if (!id) return null;
  const shown = <bdi>{text}</bdi>;
  if (type === 'person') return <Link to="/people/$id" params={{ id }} className="text-accent underline">{shown}</Link>;
  if (type === 'device') return <Link to="/devices/$id" params={{ id }} className="text-accent underline">{shown}</Link>;
  if (type === 'webhook') return <Link to="/webhooks/$id" params={{ id }} className="text-accent underline">{shown}</Link>;
  if (type === 'client') return <Link to="/programs/$id" params={{ id }} className="text-accent underline">{shown}</Link>;
  return shown;
}
