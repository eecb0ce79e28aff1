import { queryOptions } from '@tanstack/react-query';
import { read } from './http';

// The messages of aielon.node.v1 as JSON: 64-bit numbers are strings, times are RFC 3339, zero values may be missing.
export type Uint64 = string;

export interface LedgerRow { class?: string; accepted?: Uint64; onHub?: Uint64; waiting?: Uint64; shed?: Uint64; lost?: Uint64 }
export interface Ledger { rows?: LedgerRow[]; total?: LedgerRow; objects?: LedgerRow; connected?: boolean; joined?: boolean; now?: string }
export interface Part { name?: string; level?: string; text?: string; hint?: string }
export interface Link { joined?: boolean; connected?: boolean; transport?: string; hub?: string; rttMs?: number; error?: string; nextTry?: string; held?: boolean }
export interface Member { node?: string; address?: string; role?: string; leader?: boolean; self?: boolean; version?: string; lag?: Uint64; seen?: string; certifiedUntil?: string }
export interface HubSummary { records?: Uint64; trimmed?: Uint64; keptBytes?: Uint64; above?: Uint64; alarms?: string[]; online?: number }
export interface Status {
  node?: string; site?: string; siteName?: string; region?: string; role?: string; version?: string; started?: string; now?: string;
  level?: string; parts?: Part[]; link?: Link; ledger?: Ledger; members?: Member[]; hub?: HubSummary;
}
export interface Welcome { site?: string; siteName?: string; role?: string; version?: string; setupNeeded?: boolean; passkeyName?: string }
export interface Stream { origin?: string; name?: string; received?: Uint64; skipped?: Uint64; trimmed?: Uint64; frozen?: string; last?: string }
export interface Site { site?: string; streams?: Stream[]; received?: Uint64; waiting?: Uint64; skipped?: Uint64; lost?: Uint64; online?: boolean; last?: string }
export interface JoinCode { code?: string; address?: string; command?: string; expires?: string }
export interface Backup { name?: string; bytes?: Uint64; made?: string }
export interface BackupProgress { name?: string; bytes?: Uint64; expected?: Uint64; done?: boolean }
export interface Setting { key?: string; value?: string; version?: Uint64; changed?: string; by?: string }

export const welcome = queryOptions({ queryKey: ['welcome'], queryFn: ({ signal }) => read<Welcome>('/v1/welcome', signal), staleTime: 60_000 });
export const status = queryOptions({ queryKey: ['status'], queryFn: ({ signal }) => read<Status>('/v1/status', signal) });
export const ledger = queryOptions({ queryKey: ['ledger'], queryFn: ({ signal }) => read<Ledger>('/v1/ledger', signal) });
export const members = queryOptions({ queryKey: ['members'], queryFn: ({ signal }) => read<{ members?: Member[] }>('/v1/members', signal), refetchInterval: 10_000 });
export const sites = queryOptions({ queryKey: ['sites'], queryFn: ({ signal }) => read<{ sites?: Site[]; total?: number }>('/v1/hub/sites?page_size=200', signal), refetchInterval: 10_000 });
export const backups = queryOptions({ queryKey: ['backups'], queryFn: ({ signal }) => read<{ backups?: Backup[] }>('/v1/backups', signal) });
export const settings = queryOptions({ queryKey: ['settings'], queryFn: ({ signal }) => read<{ settings?: Setting[] }>('/v1/settings?page_size=1000', signal) });
export const configuration = queryOptions({ queryKey: ['configuration'], queryFn: ({ signal }) => read<{ toml?: string }>('/v1/configuration', signal) });
