import type { QueryClient } from '@tanstack/react-query';
import { type Self, may } from '../identity';
import { accounts, assets, holds } from './ledger';
import { gateways } from './payments';

/** aheadOfMoney reads what a wallet and a counter need to open without a network. */
export async function aheadOfMoney(client: QueryClient, who: Self) {
  await client.prefetchQuery(assets);
  if (may(who, 'wallet.desk')) {
    await client.prefetchQuery(gateways);
    await client.prefetchInfiniteQuery(holds());
    await client.prefetchInfiniteQuery({ ...accounts(), pages: 4, getNextPageParam: (p) => p.nextPageToken || undefined });
  } else if (who.id) {
    await client.prefetchInfiniteQuery(accounts({ owner: who.id }));
  }
}
