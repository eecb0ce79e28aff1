import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { command, read } from '../http';
import type { Uint64 } from '../node';
import type { Command } from '../outbox';

// The messages of aielon.wallet.v1 as JSON. Amounts are whole numbers of minor units, in decimal digits.
export type Minor = string;

export interface Asset { code: string; scale?: number; name?: string; iso?: string }
export const accountKinds = ['MEMBER', 'CASH', 'BANK', 'INCOME', 'EXPENSE', 'PAYABLE', 'RECEIVABLE', 'CLEARING', 'ESCROW', 'TRANSIT', 'EXCHANGE', 'EQUITY'] as const;
export type AccountKind = (typeof accountKinds)[number];
export interface Balance {
  posted?: Minor; pending?: Minor; available?: Minor; debitsPosted?: Minor; creditsPosted?: Minor; debitsPending?: Minor; creditsPending?: Minor; time?: string; asset?: string;
}
export interface Account {
  id: string; kind?: AccountKind; asset?: string; fund?: string; owner?: string; name?: string; state?: 'OPEN' | 'FROZEN' | 'CLOSED'; floor?: Minor; ceiling?: Minor;
  balance?: Balance; opened?: string; closed?: string; version?: Uint64; entries?: Uint64;
}
export interface Entry { number?: Uint64; transfer?: string; time?: string; amount?: Minor; other?: string; kind?: string; purpose?: string; memo?: string; reference?: string; balance?: Balance }
export interface Leg { debit?: string; credit?: string; amount?: Minor }
export type TransferStatus = 'POSTED' | 'HELD' | 'UNDER_REVIEW' | 'VOIDED' | 'EXPIRED' | 'REFUSED';
export interface Transfer {
  id: string; status?: TransferStatus; legs?: Leg[]; asset?: string; fund?: string; purpose?: string; memo?: string; reference?: string; mcc?: string; document?: string;
  time?: string; expires?: string; hold?: string; reverses?: string; reversedBy?: string; endedBy?: string; code?: string; detail?: string; actor?: string; number?: Uint64; ruleSet?: string;
}
export interface NewTransfer {
  id: string; debit?: string; credit?: string; amount?: Minor; legs?: Leg[]; asset?: string; hold?: boolean; timeoutSeconds?: number; purpose?: string; memo?: string;
  reference?: string; mcc?: string; document?: string; balancing?: boolean;
}
export interface Paged { nextPageToken?: string }

export const nextPage = (p: Paged) => p.nextPageToken || undefined;

/** query writes what is given behind a path: what is empty or false is left out. */
export function query(path: string, values: Record<string, string | number | boolean | undefined>): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(values)) if (v) q.set(k, String(v));
  return q.size ? `${path}?${q}` : path;
}

const accountPath = (id: string) => `/v1/wallet/accounts/${encodeURIComponent(id)}`;
const transferPath = (id: string) => `/v1/wallet/transfers/${encodeURIComponent(id)}`;

export const assets = queryOptions({ queryKey: ['assets'], queryFn: ({ signal }) => read<{ assets?: Asset[] }>('/v1/wallet/assets', signal), staleTime: 60_000 });
export const account = (id: string) => queryOptions({ queryKey: ['accounts', 'of', id], queryFn: ({ signal }) => read<Account>(accountPath(id), signal) });

export interface AccountFilter { owner?: string; kind?: AccountKind; fund?: string; asset?: string }
/** accounts lists by page; what nobody filters is all that the reader may see. */
export const accounts = (f: AccountFilter = {}) =>
  infiniteQueryOptions({
    queryKey: ['accounts', 'list', f],
    queryFn: ({ signal, pageParam }) => read<Paged & { accounts?: Account[] }>(query('/v1/wallet/accounts', { ...f, page_size: 500, page_token: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

export const entries = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['entries', id],
    queryFn: ({ signal, pageParam }) => read<Paged & { entries?: Entry[] }>(query(`${accountPath(id)}/entries`, { page_size: 50, page_token: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

const mostPages = 4;

/** entriesSince fetches up to 2,000 entries back to a moment, newest first: enough for a plot or a day's list, and bounded. */
export async function entriesSince(id: string, from: Date, signal?: AbortSignal): Promise<{ entries: Entry[]; more: boolean }> {
  const all: Entry[] = [];
  let token: string | undefined = '';
  for (let i = 0; i < mostPages && token !== undefined; i++) {
    const page: Paged & { entries?: Entry[] } = await read(query(`${accountPath(id)}/entries`, { page_size: 500, from: from.toISOString(), page_token: token }), signal);
    all.push(...(page.entries ?? []));
    token = nextPage(page);
  }
  return { entries: all, more: token !== undefined };
}

export const balanceAt = (id: string, at: string) =>
  queryOptions({ queryKey: ['balance', id, at], queryFn: ({ signal }) => read<Balance>(query(`${accountPath(id)}/balance`, { at }), signal) });
export const transfer = (id: string) => queryOptions({ queryKey: ['transfers', id], queryFn: ({ signal }) => read<Transfer>(transferPath(id), signal) });
export const holds = (of = '') =>
  infiniteQueryOptions({
    queryKey: ['holds', of],
    queryFn: ({ signal, pageParam }) => read<Paged & { holds?: Transfer[] }>(query('/v1/wallet/holds', { account: of, page_size: 100, page_token: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

/** tryTransfer says what would become of a transfer at this moment, and changes nothing. */
export const tryTransfer = (t: NewTransfer) => command<Transfer>('POST', '/v1/wallet/transfers:try', { transfer: t });

// Changes, for perform or useCommand. Whoever makes one chooses its id first (newId), so that it happens once however often it is asked for.
type Words = Pick<Command, 'label' | 'values'>;
export const createTransfer = (t: NewTransfer, words: Words): Command => ({ method: 'POST', path: '/v1/wallet/transfers', body: { transfer: t }, ...words });
export const postHold = (hold: string, id: string, amount: Minor, words: Words): Command => ({ method: 'POST', path: `${transferPath(hold)}:post`, body: { id, amount }, ...words });
export const voidHold = (hold: string, id: string, words: Words): Command => ({ method: 'POST', path: `${transferPath(hold)}:void`, body: { id }, ...words });
export const reverseTransfer = (of: string, id: string, reason: string, words: Words): Command => ({ method: 'POST', path: `${transferPath(of)}:reverse`, body: { id, reason }, ...words });

export type StatementFormat = 'pdf' | 'csv' | 'hledger' | 'ledger' | 'beancount' | 'camt053';
/** statementAddress is where the browser downloads a statement from. */
export const statementAddress = (id: string, format: StatementFormat, of: { from?: string; until?: string; language?: string }) => query(`${accountPath(id)}/statement.${format}`, { ...of });
