import { useInfiniteQuery } from '@tanstack/react-query';
import { Inbox } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Release, releases } from '@/api/compliance';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Empty, Failure, Skeleton } from '@/ui/States';
import { Choice } from './Plot';
import { Frame, useTreasury } from './Frame';
import { ReleaseCard } from './ReleaseCard';
import { RequestRelease } from './RequestRelease';
import { RequestSwap } from './RequestSwap';
import { Reviews } from './Reviews';
import { useAccounts } from './fields';

const which = ['waiting', 'all'] as const;

/** Money that is to change its fund, and what the rules put on hold: nothing of it happens by one person alone. */
export default function Approvals() {
  const { t } = useTranslation();
  const { may, away } = useTreasury();
  const waqf = useAccounts().some((a) => a.fund?.startsWith('waqf_corpus:'));
  const [asking, setAsking] = useState<'release' | 'swap'>();
  const action = may('wallet.accounts') && (
    <>
      {waqf && (
        <Button disabled={away} onClick={() => setAsking('swap')}>
          {t('treasury.swapNew')}
        </Button>
      )}
      <Button look="main" disabled={away} onClick={() => setAsking('release')}>
        {t('treasury.releaseNew')}
      </Button>
    </>
  );
  return (
    <Frame title={t('treasury.approvals')} lead={t('treasury.approvalsLead')} action={action}>
      <Releases />
      {may('wallet.review') && <Reviews />}
      {asking === 'release' && <RequestRelease onClose={() => setAsking(undefined)} />}
      {asking === 'swap' && <RequestSwap onClose={() => setAsking(undefined)} />}
    </Frame>
  );
}

function Releases() {
  const { t } = useTranslation();
  const query = useInfiniteQuery(releases);
  const [shown, setShown] = useState<(typeof which)[number]>('waiting');
  const all = query.data?.pages.flatMap((p) => p.releases ?? []) ?? [];
  const list = shown === 'all' ? all : all.filter((r) => r.state === 'RELEASE_WAITING');
  return (
    <section className="space-y-3" aria-label={t('treasury.releases')}>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h2 className="text-lg font-semibold">{t('treasury.releases')}</h2>
        <Choice label={t('treasury.show')} all={which} one={shown} onChoose={setShown} say={(x) => t(`treasury.show_${x}`)} />
      </div>
      {query.isPending && (
        <Card>
          <Skeleton lines={5} />
        </Card>
      )}
      {query.error && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.data && list.length === 0 && (
        <Card>
          <Empty icon={Inbox} title={t('treasury.releasesNone')}>
            {t('treasury.releasesNoneHint')}
          </Empty>
        </Card>
      )}
      <ul className="grid gap-4 lg:grid-cols-2">
        {list.map((r: Release) => (
          <ReleaseCard key={r.id} release={r} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </section>
  );
}
