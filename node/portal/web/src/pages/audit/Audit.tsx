import { useInfiniteQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { ScrollText } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type AuditFilter, audit } from '@/api/audit';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Empty, Failure, Skeleton } from '@/ui/States';
import { Filter } from './Filter';
import { Proof } from './Proof';
import { Records } from './Records';

/** Who did what, and what was refused: narrowed down by its address, so that a list can be sent to somebody. */
export default function Audit() {
  const { t } = useTranslation();
  const filter = useSearch({ strict: false }) as AuditFilter;
  const query = useInfiniteQuery(audit(filter));
  const rows = query.data?.pages.flatMap((p) => p.records ?? []) ?? [];
  const filtered = Object.values(filter).some(Boolean);
  return (
    <Page title={t('nav.audit')} lead={t('audit.lead')}>
      <Proof />
      <Filter filter={filter} />
      <Card flush>
        {!query.data ? (
          query.error ? (
            <Failure error={query.error} retry={() => void query.refetch()} />
          ) : (
            <Skeleton lines={8} />
          )
        ) : rows.length > 0 ? (
          <Records rows={rows} />
        ) : query.hasNextPage ? (
          <p className="px-4 py-6 text-sm text-soft">{t('audit.noneYet')}</p>
        ) : (
          <Empty icon={ScrollText} title={t('audit.none')}>
            {filtered && t('audit.noneHint')}
          </Empty>
        )}
      </Card>
      {query.hasNextPage && (
        <div className="flex justify-center">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('audit.older')}
          </Button>
        </div>
      )}
    </Page>
  );
}
