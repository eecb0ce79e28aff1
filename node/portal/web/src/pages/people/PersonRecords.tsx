import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { audit } from '@/api/audit';
import { useFormats } from '@/i18n/format';
import { addressOf, useAuditWords } from '@/pages/audit/words';
import { Badge } from '@/ui/Badge';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Failure, Skeleton } from '@/ui/States';

/** What somebody did last. The rest is in the audit. */
export function PersonRecords({ id }: { id: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const words = useAuditWords();
  const query = useInfiniteQuery(audit({ actor: id }));
  const rows = (query.data?.pages[0]?.records ?? []).slice(0, 6);
  const all = (
    <Link to="/audit" search={{ actor: id }} className={linkLooks('quiet')}>
      {t('people.allRecords')}
    </Link>
  );
  return (
    <Card title={t('people.records')} action={all}>
      {query.error && !query.data ? (
        <Failure error={query.error} />
      ) : !query.data ? (
        <Skeleton />
      ) : rows.length === 0 ? (
        <p className="text-sm text-soft">{t('people.noRecords')}</p>
      ) : (
        <ul className="divide-y divide-line text-sm">
          {rows.map((r) => {
            const [tone, text] = words.outcome(r);
            const params = addressOf(r);
            const op = <span className="break-words">{words.op(r)}</span>;
            return (
              <li key={`${r.journal}/${r.position}`} className="flex flex-wrap items-center gap-x-3 py-2">
                <span className="min-w-0 grow">{params ? <Link to="/audit/$journal/$epoch/$number" params={params} className="text-accent hover:underline">{op}</Link> : op}</span>
                {tone !== 'good' && <Badge tone={tone}>{text}</Badge>}
                <time dateTime={r.time} className="text-xs text-soft">
                  {f.ago(r.time)}
                </time>
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}
