import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { type Account, accounts } from '@/api/money/ledger';
import { type Gateway, gateways } from '@/api/money/payments';

const mostPages = 10; // of 500 accounts

/** useAccounts is every account somebody at a counter may choose, page after page. */
export function useAccounts() {
  const query = useInfiniteQuery({ ...accounts(), staleTime: 30_000 });
  const { data, hasNextPage, isFetching, fetchNextPage } = query;
  const wanted = hasNextPage && !isFetching && (data?.pages.length ?? 0) < mostPages;
  useEffect(() => {
    if (wanted) void fetchNextPage();
  }, [wanted, fetchNextPage]);
  return { query, all: data?.pages.flatMap((p) => p.accounts ?? []) ?? [] };
}

/** Desk is one drawer: a way to be paid and the account its money lies on. */
export interface Desk {
  gateway: string;
  kind: Gateway['kind'];
  account: string;
  asset?: string;
  fund?: string;
}

/** useDesks lists the drawers that are open, with the currency and fund each is for. */
export function useDesks() {
  const all = useAccounts().all;
  const list = useQuery({ ...gateways, staleTime: 30_000 }).data?.gateways ?? [];
  return list
    .filter((g) => !g.closed)
    .flatMap((g) =>
      (g.accounts ?? []).map((a): Desk => {
        const at = all.find((x) => x.id === a.account);
        return { gateway: g.name, kind: g.kind, account: a.account ?? '', asset: at?.asset, fund: at?.fund };
      }),
    );
}

/** useSuspense is where money stands that could not be credited: nobody pays into it on purpose. */
export function useSuspense(): Set<string> {
  const list = useQuery({ ...gateways, staleTime: 30_000 }).data?.gateways ?? [];
  return new Set(list.flatMap((g) => (g.accounts ?? []).map((a) => a.suspense ?? '')));
}

/** Money only goes into a drawer of the account's own currency and fund. */
export const desksFor = (desks: Desk[], a: Account | undefined) => desks.filter((d) => d.kind === 'GATEWAY_CASH' && a !== undefined && d.asset === a.asset && d.fund === a.fund && d.account !== a.id);
