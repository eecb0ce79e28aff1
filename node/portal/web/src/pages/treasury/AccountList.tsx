import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { type Account, type AccountFilter, accounts } from '@/api/money/ledger';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Failure, Skeleton } from '@/ui/States';
import { useKind } from '../funds/useKind';
import { stands, useAccountName } from './fields';

interface Props {
  filter: AccountFilter;
  /** Narrows what is shown further. */
  shows?: (a: Account) => boolean;
  actions?: (a: Account) => ReactNode;
}

/** Accounts with where each stands. */
export function AccountList({ filter, shows, actions }: Props) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(accounts(filter));
  const list = (query.data?.pages.flatMap((p) => p.accounts ?? []) ?? []).filter((a) => !shows || shows(a));
  return (
    <Card title={t('treasury.accounts')} flush={false}>
      {query.isPending && <Skeleton lines={5} />}
      {query.error && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.data && list.length === 0 && <p className="text-sm text-soft">{t('treasury.accountsNone')}</p>}
      <ul className="-mx-4 divide-y divide-line">
        {list.map((a) => (
          <Row key={a.id} account={a} actions={actions?.(a)} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button className="mt-3" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </Card>
  );
}

function Row({ account: a, actions }: { account: Account; actions?: ReactNode }) {
  const { t } = useTranslation();
  const name = useAccountName();
  const kind = useKind();
  return (
    <li className="flex items-start gap-x-4 px-4 py-2.5">
      <Link to="/wallet/$account" params={{ account: a.id }} className="min-w-0 grow hover:underline">
        <bdi className="block truncate font-medium">{name(a)}</bdi>
        {a.name && (
          <span className="block text-xs text-soft">
            {t(`accountKind.${a.kind ?? 'MEMBER'}`)} · {kind.name(a.fund ?? '')}
          </span>
        )}
      </Link>
      <span className="flex shrink-0 flex-col items-end gap-1">
        <Money minor={stands(a)} asset={a.asset} className="font-semibold" />
        {a.state !== 'OPEN' && <Badge tone={a.state === 'FROZEN' ? 'warn' : 'none'}>{t(a.state === 'FROZEN' ? 'treasury.frozen' : 'treasury.closed')}</Badge>}
        {actions}
      </span>
    </li>
  );
}
