import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { connection } from './connection';
import { kept } from './db';
import { read, reader } from './http';
import type { Uint64 } from './node';

// The messages of aielon.wallet.v1 about funds and giving, as JSON. Amounts are minor units in decimal digits.
export interface FundTotal { asset?: string; held?: string; owed?: string; income?: string; spent?: string; pending?: string }
export interface Fund {
  id: string; name?: string; purpose?: string; public?: boolean; ends?: string; restToGeneral?: boolean; goal?: string; goalAsset?: string;
  totals?: FundTotal[]; opened?: string; version?: Uint64; allowed?: string[];
}
export interface CampaignTotal { asset?: string; given?: string; gifts?: Uint64 }
export interface Campaign {
  id: string; fund?: string; title?: string; text?: string; goal?: string; goalAsset?: string; begins?: string; ends?: string; public?: boolean; version?: Uint64; totals?: CampaignTotal[];
}
/** from is a day, "2026-11-01"; with the hour "2026-11-01T08". Parts in which nothing moved are left out. */
export interface IncomePart { from?: string; income?: string; spent?: string }
export interface Income { fund?: string; asset?: string; parts?: IncomePart[]; income?: string; spent?: string }
export interface PublicTotal { asset?: string; scale?: number; income?: string; spent?: string; months?: IncomePart[] }
export interface PublicFund { id: string; name?: string; purpose?: string; ends?: string; goal?: string; goalAsset?: string; totals?: PublicTotal[]; campaigns?: Campaign[] }
export interface Deed { id: string; purposes?: string[]; conditions?: string; document?: string; written?: string }

export const fundPath = (id: string) => `/v1/wallet/funds/${encodeURIComponent(id)}`;
const publicPath = (id: string) => `/v1/wallet/public/funds/${encodeURIComponent(id)}`;

/** Dated is an answer with when the node gave it. */
export interface Dated<T> { at: number; body: T }

/** dated reads as read does, and says from when the answer is: it may have been kept here since. */
async function dated<T>(path: string, signal: AbortSignal): Promise<Dated<T>> {
  const body = await read<T>(path, signal);
  const old = connection.get().reachable ? undefined : await kept(reader.user, path).catch(() => undefined);
  return { at: old?.at ?? Date.now(), body };
}

export const publicFunds = queryOptions({
  queryKey: ['public-funds'],
  queryFn: ({ signal }) => dated<{ funds?: PublicFund[] }>('/v1/wallet/public/funds', signal),
  refetchInterval: 60_000,
});
export const publicFund = (id: string) =>
  queryOptions({ queryKey: ['public-funds', id], queryFn: ({ signal }) => dated<PublicFund>(publicPath(id), signal), refetchInterval: 60_000 });

export const funds = queryOptions({ queryKey: ['funds'], queryFn: ({ signal }) => read<{ funds?: Fund[] }>('/v1/wallet/funds', signal) });
export const fund = (id: string) => queryOptions({ queryKey: ['funds', id], queryFn: ({ signal }) => read<Fund>(fundPath(id), signal) });

export const steps = ['DAY', 'MONTH'] as const;
export type Step = (typeof steps)[number];

/** How many parts a plot has. */
export const partsOf = { DAY: 30, MONTH: 12 } as const;

/** since is where a plot begins, in the reader's zone: 29 days back, or the first of the month eleven months ago. */
export function since(step: Step, now = new Date()): Date {
  return step === 'DAY' ? new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1 - partsOf.DAY) : new Date(now.getFullYear(), now.getMonth() + 1 - partsOf.MONTH, 1);
}

export const income = (id: string, asset: string, step: Step) =>
  queryOptions({
    queryKey: ['funds', id, 'income', asset, step],
    queryFn: ({ signal }) => {
      const from = since(step);
      const q = new URLSearchParams({ asset, step, from: from.toISOString(), utc_offset_minutes: String(-from.getTimezoneOffset()) });
      return read<Income>(`${fundPath(id)}/income?${q}`, signal);
    },
    enabled: asset !== '',
  });

export const campaigns = (id = '') =>
  queryOptions({
    queryKey: ['campaigns', id],
    queryFn: ({ signal }) => read<{ campaigns?: Campaign[] }>(`/v1/wallet/campaigns?page_size=200${id && `&fund=${encodeURIComponent(id)}`}`, signal),
  });

export const deeds = infiniteQueryOptions({
  queryKey: ['deeds'],
  queryFn: ({ signal, pageParam }) => read<{ deeds?: Deed[]; nextPageToken?: string }>(`/v1/wallet/deeds?page_size=200${pageParam && `&page_token=${encodeURIComponent(pageParam)}`}`, signal),
  initialPageParam: '',
  getNextPageParam: (last) => last.nextPageToken || undefined,
});

export const deed = (id: string) => queryOptions({ queryKey: ['deeds', id], queryFn: ({ signal }) => read<Deed>(`/v1/wallet/deeds/${encodeURIComponent(id)}`, signal), retry: false });
