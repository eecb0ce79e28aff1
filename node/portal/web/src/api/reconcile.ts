import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { fetchJSON, read } from './http';
import { type Minor, type Paged, nextPage, query } from './money/ledger';

// The messages of aielon.wallet.v1 about statements of banks, as JSON.
export interface CsvMapping {
  delimiter?: string; encoding?: string; skip?: number; dateLayout?: string; decimal?: string; booked?: string; value?: string; amount?: string; in?: string; out?: string; side?: string;
  sideIn?: string[]; sideOut?: string[]; currency?: string; reference?: string; endToEnd?: string; counterparty?: string; counterIban?: string; remittance?: string[];
}
export interface BankStatement {
  id: string; account?: string; asset?: string; number?: string; format?: 'CAMT053' | 'CSV'; from?: string; until?: string; opening?: Minor; closing?: Minor; entries?: number; known?: number;
  matched?: number; open?: number; ignored?: number; waiting?: number; imported?: string; actor?: string;
}
export interface Imported { statements?: BankStatement[]; again?: boolean; others?: number }
export interface SummaryPart { count?: number; amount?: Minor }
export const summaryParts = ['carried', 'open', 'ignored', 'undecided', 'earlier', 'later', 'missing', 'elsewhere'] as const;
export type Summary = Partial<Record<(typeof summaryParts)[number], SummaryPart>> & { statement?: BankStatement; ledgerOpening?: Minor; ledgerClosing?: Minor; difference?: Minor; unexplained?: Minor };
export interface Proposal { payment?: string; transfer?: string; reason?: 'reference' | 'amount' | 'amount_differs' | 'several'; amount?: Minor; time?: string }
export const entryStates = ['ENTRY_PROPOSED', 'ENTRY_OPEN', 'ENTRY_MATCHED', 'ENTRY_IGNORED'] as const;
export type EntryState = (typeof entryStates)[number];
export interface BankEntry {
  id: string; account?: string; statement?: string; booked?: string; value?: string; asset?: string; amount?: Minor; state?: EntryState; reference?: string; endToEnd?: string; counterparty?: string; counterIban?: string;
  remittance?: string; reversal?: boolean; payment?: string; transfers?: string[]; bookedHere?: boolean; conflict?: boolean; automatic?: boolean; actor?: string; decided?: string; reason?: string;
  proposals?: Proposal[]; waiting?: boolean;
}
export interface Unmatched { transfer: string; time?: string; amount?: Minor; kind?: string; purpose?: string; other?: string }

const root = '/v1/wallet/reconciliation';
export const statementsPath = `${root}/statements`;
export const entryPath = (id: string) => `${root}/entries/${encodeURIComponent(id)}`;

export const bankStatements = (account: string) =>
  queryOptions({
    queryKey: ['bank', 'statements', account],
    queryFn: ({ signal }) => read<Paged & { statements?: BankStatement[]; bankAccounts?: string[]; mapping?: CsvMapping }>(query(statementsPath, { account, page_size: 100 }), signal),
    enabled: account !== '',
  });

export const summary = (id: string) =>
  queryOptions({ queryKey: ['bank', 'summary', id], queryFn: ({ signal }) => read<Summary>(`${statementsPath}/${encodeURIComponent(id)}`, signal), enabled: id !== '' });

/** bankEntries name payers, so they are kept in no browser. */
export const bankEntries = (account: string, statement: string, state: EntryState | '') =>
  infiniteQueryOptions({
    queryKey: ['bank', 'entries', account, statement, state],
    queryFn: ({ signal, pageParam }) => fetchJSON<Paged & { entries?: BankEntry[]; partial?: boolean }>(query(`${root}/entries`, { account, statement, state, page_size: 50, page_token: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: nextPage,
    enabled: account !== '',
  });

export const unmatched = (account: string, statement: string) =>
  queryOptions({
    queryKey: ['bank', 'unmatched', account, statement],
    queryFn: ({ signal }) => read<Paged & { transfers?: Unmatched[] }>(query(`${root}/transfers`, { account, statement, page_size: 100 }), signal),
    enabled: account !== '',
  });
