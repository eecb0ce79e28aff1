import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { read } from './http';

// The messages of aielon.wallet.v1 about rules and what people decide, as JSON.
export interface RuleFact { name?: string; value?: string }
export interface RuleDecision { id?: string; act?: string; rule?: string; setName?: string; setVersion?: number; facts?: RuleFact[]; toFund?: string; text?: string; language?: string; time?: string; actor?: string }
export interface Review {
  id: string; subject?: 'HELD_TRANSFER' | 'ACCOUNT_NAME'; state?: 'REVIEW_WAITING' | 'REVIEW_APPROVED' | 'REVIEW_DECLINED' | 'REVIEW_LAPSED';
  decision?: RuleDecision; askedBy?: string; asked?: string; decidedBy?: string; decided?: string; reason?: string; transfer?: string; account?: string;
}
export interface Approval { by?: string; time?: string }
export interface Release {
  id: string; state?: 'RELEASE_WAITING' | 'RELEASE_DONE' | 'RELEASE_REJECTED' | 'RELEASE_EXPIRED'; fromAccount?: string; toAccount?: string; fromFund?: string; toFund?: string;
  asset?: string; amount?: string; purpose?: string; reason?: string; document?: string; category?: string; beneficiary?: string; askedBy?: string; asked?: string; expires?: string;
  approvalsNeeded?: number; approvals?: Approval[]; rejectedBy?: string; assetIn?: string; amountIn?: string;
}

const more = (last: { nextPageToken?: string }) => last.nextPageToken || undefined;
const after = (token: string) => (token ? `&page_token=${encodeURIComponent(token)}` : '');

/** The rules explain themselves in the reader's language, and in English where they lack it. */
export const reviews = (language: string, all: boolean) =>
  infiniteQueryOptions({
    queryKey: ['reviews', language, all],
    queryFn: ({ signal, pageParam }) => read<{ reviews?: Review[]; nextPageToken?: string }>(`/v1/wallet/compliance/reviews?page_size=50&language=${language}${all ? '&all=true' : ''}${after(pageParam)}`, signal),
    initialPageParam: '',
    getNextPageParam: more,
  });

export const releases = infiniteQueryOptions({
  queryKey: ['releases'],
  queryFn: ({ signal, pageParam }) => read<{ releases?: Release[]; nextPageToken?: string }>(`/v1/wallet/compliance/releases?page_size=50${after(pageParam)}`, signal),
  initialPageParam: '',
  getNextPageParam: more,
});

export const release = (id: string) => queryOptions({ queryKey: ['releases', id], queryFn: ({ signal }) => read<Release>(`/v1/wallet/compliance/releases/${encodeURIComponent(id)}`, signal) });
