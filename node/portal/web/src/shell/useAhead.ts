import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { devices, latest } from '@/api/devices';
import { type Self, may, people } from '@/api/identity';
import { members, settings } from '@/api/node';

const quiet = 4_000; // ms after signing in or opening the app, when its first page is there

/** useAhead reads what the other first places show, so that they open without a network too, though nobody was there yet. */
export function useAhead(who: Self | undefined) {
  const client = useQueryClient();
  const id = who?.id;
  useEffect(() => {
    if (!id || !who) return;
    const timer = setTimeout(() => {
      // One after another: this must not stand in the way of what somebody is looking at.
      void (async () => {
        if (may(who, 'devices.read')) await client.prefetchInfiniteQuery(devices);
        if (may(who, 'readings.read')) await client.prefetchQuery(latest);
        if (may(who, 'node.read')) await client.prefetchQuery(members);
        if (may(who, 'settings.read')) await client.prefetchQuery(settings);
        if (may(who, 'identity.read')) await client.prefetchQuery(people);
        if (may(who, 'wallet.read', true)) await (await import('@/api/money/ahead')).aheadOfMoney(client, who);
      })();
    }, quiet);
    return () => clearTimeout(timer);
  }, [id, client]);
}
