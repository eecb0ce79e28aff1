import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Wallet as Purse } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { me } from '@/api/identity';
import { type Account, accounts } from '@/api/money/ledger';
import { toMinor } from '@/i18n/money';
import { Badge } from '@/ui/Badge';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Page } from '@/ui/Page';
import { Empty, Loaded } from '@/ui/States';
import { Actions } from './Actions';
import { Entries } from './Entries';
import { accountName } from './FromAccount';
import { ZakatCard } from './ZakatCard';

/** The accounts of whoever is signed in, what stands on them, and what they can do with it. */
export default function Wallet() {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const query = useInfiniteQuery({ ...accounts({ owner: who?.id ?? '' }), enabled: !!who?.id, refetchInterval: 20_000 });
  const mine = query.data?.pages.flatMap((p) => p.accounts ?? []).filter((a) => a.state !== 'CLOSED');
  const first = mine?.find((a) => a.state === 'OPEN' && toMinor(a.balance?.available) > 0n) ?? mine?.[0];
  return (
    <Page title={t('nav.wallet')} lead={t('wallet.lead')} action={first && <Actions from={first.id} />}>
      <Loaded query={query}>
        {() =>
          mine!.length === 0 ? (
            <Card flush>
              <Empty icon={Purse} title={t('wallet.none')}>
                {t('wallet.noneHint')}
              </Empty>
            </Card>
          ) : (
            <>
              <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
                {mine!.map((a) => (
                  <Row key={a.id} account={a} />
                ))}
              </ul>
              {who?.id && <ZakatCard person={who.id} />}
              {first && <Entries account={first} title={t('wallet.historyOf', { name: accountName(first) })} />}
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function Row({ account: a }: { account: Account }) {
  const { t } = useTranslation();
  const b = a.balance;
  const held = toMinor(b?.posted) - toMinor(b?.available);
  return (
    <li>
      <Link to="/wallet/$account" params={{ account: a.id }} className="block h-full rounded-xl border border-line bg-card p-4 hover:border-accent">
        <span className="flex items-center justify-between gap-3">
          <bdi className="min-w-0 truncate text-sm text-soft">{accountName(a)}</bdi>
          {a.state === 'FROZEN' && <Badge tone="warn">{t('wallet.frozen')}</Badge>}
        </span>
        <Money minor={b?.available} asset={a.asset} className="mt-1 block text-2xl font-semibold" />
        {held > 0n && (
          <span className="mt-1 block text-xs text-soft">
            {t('wallet.heldOf')} <Money minor={held.toString()} asset={a.asset} />
          </span>
        )}
      </Link>
    </li>
  );
}
