import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Wallet as Purse } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { me } from '@/api/identity';
import { type Account, accounts } from '@/api/money/ledger';
import { Badge } from '@/ui/Badge';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Page } from '@/ui/Page';
import { Empty, Loaded } from '@/ui/States';

/** The accounts of whoever is signed in, and what stands on them. */
export default function Wallet() {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const query = useInfiniteQuery({ ...accounts({ owner: who?.id ?? '' }), enabled: !!who?.id });
  return (
    <Page title={t('nav.wallet')} lead={t('wallet.lead')}>
      <Card flush>
        <Loaded query={query}>
          {({ pages }) => {
            const mine = pages.flatMap((p) => p.accounts ?? []).filter((a) => a.state !== 'CLOSED');
            if (mine.length === 0)
              return (
                <Empty icon={Purse} title={t('wallet.none')}>
                  {t('wallet.noneHint')}
                </Empty>
              );
            return (
              <ul className="divide-y divide-line">
                {mine.map((a) => (
                  <Row key={a.id} account={a} />
                ))}
              </ul>
            );
          }}
        </Loaded>
      </Card>
    </Page>
  );
}

function Row({ account: a }: { account: Account }) {
  const { t } = useTranslation();
  return (
    <li className="flex flex-wrap items-center gap-x-6 gap-y-1.5 px-4 py-3">
      <bdi className="min-w-0 grow truncate font-medium">{a.name || a.asset}</bdi>
      {a.state === 'FROZEN' && <Badge tone="warn">{t('wallet.frozen')}</Badge>}
      <Money minor={a.balance?.available} asset={a.asset} className="text-lg font-semibold" />
    </li>
  );
}
