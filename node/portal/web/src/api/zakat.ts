import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { read } from './http';
import type { Uint64 } from './node';
import type { Fact } from './problem';

// The messages of aielon.wallet.v1 about zakat, as JSON. Amounts are minor units in decimal digits.
export interface MetalPrice { asset?: string; gold?: string; goldMg?: Uint64; silver?: string; silverMg?: Uint64; time?: string; put?: string }
export interface NisabOfSet { set?: string; metal?: 'gold' | 'silver'; milligrams?: Uint64; amount?: string; rate?: string; stale?: boolean; fitrGrams?: Uint64 }
export interface Nisab { asset?: string; price?: MetalPrice; sets?: NisabOfSet[] }
export interface MetalPiece { milligrams?: Uint64; fineness?: number; worn?: boolean }
export interface Wealth { cash?: string; gold?: MetalPiece[]; silver?: MetalPiece[]; tradeGoods?: string; receivables?: string; debts?: string }
export interface Assess { asset: string; set?: string; wealth: Wealth; solar?: boolean }
export interface AssessmentLine { step?: string; amount?: string; facts?: Fact[] }
export interface Assessment {
  id?: string; asset?: string; set?: string; lines?: AssessmentLine[]; total?: string; nisab?: string; reached?: boolean; exactNum?: string; exactDen?: Uint64; due?: string; flags?: string[]; time?: string; person?: string;
}
export interface ZakatDue { began?: string; due?: string; wealth?: string; zakat?: string; paid?: string }
export interface HawlYear {
  person?: string; asset?: string; set?: string; declared?: Wealth; since?: string; years?: number; next?: string; lowest?: string; wealth?: string; nisab?: string; last?: string; dues?: ZakatDue[]; problem?: string;
}
export interface ZakatGrant { id?: string; amount?: string; account?: string; by?: string; time?: string }
export type CaseState = 'CASE_APPLIED' | 'CASE_ASSESSED' | 'CASE_APPROVED' | 'CASE_DECLINED' | 'CASE_PAID' | 'CASE_WITHDRAWN';
export interface ZakatCase {
  id: string; person?: string; state?: CaseState; asset?: string; need?: string; household?: number; reason?: string; category?: string; recommended?: string; notes?: string; assessedBy?: string;
  approved?: string; decidedBy?: string; decision?: string; paid?: string; grants?: ZakatGrant[]; applied?: string; assessed?: string; decided?: string; building?: boolean; appliedBy?: string;
}

/** The eight that zakat may be given to, in the order of the verse (9:60). */
export const asnaf = ['faqir', 'miskin', 'amil', 'muallaf', 'riqab', 'gharim', 'fi_sabilillah', 'ibn_sabil'] as const;

export const nisab = (asset: string) =>
  queryOptions({ queryKey: ['nisab', asset], queryFn: ({ signal }) => read<Nisab>(`/v1/wallet/zakat/nisab?asset=${encodeURIComponent(asset)}`, signal), enabled: asset !== '', retry: false });

export const hawl = (person: string) =>
  queryOptions({ queryKey: ['hawl', person], queryFn: ({ signal }) => read<HawlYear>(`/v1/wallet/zakat/hawl?person=${encodeURIComponent(person)}`, signal), enabled: person !== '', retry: false });

export const assessments = (person: string) =>
  queryOptions({
    queryKey: ['assessments', person],
    queryFn: ({ signal }) => read<{ assessments?: Assessment[] }>(`/v1/wallet/zakat/assessments?page_size=50&person=${encodeURIComponent(person)}`, signal),
    enabled: person !== '',
  });

export const casePath = (id: string) => `/v1/wallet/zakat/cases/${encodeURIComponent(id)}`;

export const cases = (state = '', person = '') =>
  infiniteQueryOptions({
    queryKey: ['cases', state, person],
    queryFn: ({ signal, pageParam }) => {
      const q = new URLSearchParams({ page_size: '50', ...(state && { state }), ...(person && { person }), ...(pageParam && { page_token: pageParam }) });
      return read<{ cases?: ZakatCase[]; nextPageToken?: string }>(`/v1/wallet/zakat/cases?${q}`, signal);
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.nextPageToken || undefined,
  });

export const zakatCase = (id: string) => queryOptions({ queryKey: ['cases', 'one', id], queryFn: ({ signal }) => read<ZakatCase>(casePath(id), signal) });
