import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { AuditRecord } from '@/api/audit';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { Badge } from '@/ui/Badge';
import { Table } from '@/ui/Table';
import { addressOf, useAuditWords } from './words';

export function Records({ rows }: { rows: AuditRecord[] }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const words = useAuditWords();
  const outcome = (r: AuditRecord) => {
    const [tone, text] = words.outcome(r);
    return <Badge tone={tone === 'good' ? 'none' : tone}>{text}</Badge>;
  };
  const short = (r: AuditRecord) => (r.actorKind === 'node' ? `${words.actorKind(r)} ${(r.actor ?? '').slice(0, 12)}` : name(r.actor) || words.actorKind(r));
  const who = (r: AuditRecord) => <bdi>{short(r)}</bdi>;
  return (
    <Table
      label={t('nav.audit')}
      rows={rows}
      id={(r) => `${r.journal}/${r.position}`}
      columns={[
        { name: t('audit.time'), cell: (r) => <When record={r} text={f.moment(r.time)} /> },
        { name: t('audit.actor'), wide: true, cell: who },
        {
          name: t('audit.action'),
          cell: (r) => (
            <>
              <span className="break-words">{words.op(r)}</span>
              {r.objectId && (
                <span className="block text-xs text-soft">
                  {words.object(r)} <bdi className="break-all">{name(r.objectId)}</bdi>
                </span>
              )}
              {/* On a phone there is no room for a column of names. */}
              <span className="block text-xs md:hidden">{who(r)}</span>
            </>
          ),
        },
        {
          name: t('audit.outcome'),
          cell: (r) => (
            <>
              {outcome(r)}
              {words.reason(r) && <span className="mt-0.5 block text-xs text-soft">{words.reason(r)}</span>}
            </>
          ),
        },
      ]}
    />
  );
}

function When({ record, text }: { record: AuditRecord; text: string }) {
  const params = addressOf(record);
  const time = (
    <time dateTime={record.time} className="figures md:whitespace-nowrap">
      {text}
    </time>
  );
  if (!params) return time;
  return (
    <Link to="/audit/$journal/$epoch/$number" params={params} className="text-accent hover:underline">
      {time}
    </Link>
  );
}
