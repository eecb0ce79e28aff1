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
  level?: string; parts?: Part[]; link?: Link; ledger?: Ledger; members?: Member[]; hub?: HubSummary; attention?: Attention[];
}
export interface Attention { id?: string; severity?: string; text?: string; hint?: string; since?: string }
export interface Welcome { site?: string; siteName?: string; role?: string; version?: string; setupNeeded?: boolean; passkeyName?: string }
export interface Stream { origin?: string; name?: string; received?: Uint64; skipped?: Uint64; trimmed?: Uint64; frozen?: string; last?: string }
export interface Site { site?: string; streams?: Stream[]; received?: Uint64; waiting?: Uint64; skipped?: Uint64; lost?: Uint64; online?: boolean; last?: string; waitingSaid?: string; waitingSince?: string; shed?: Uint64; silent?: number }
export interface LinkSetting { value?: string; from?: string; file?: string; portal?: string; hub?: string }
export interface LinkSettings { profile?: LinkSetting; dayBudget?: LinkSetting; monthBudget?: LinkSetting; bulkWindow?: LinkSetting; changed?: string; by?: string }
export interface Material { kind?: string; name?: string; version?: string; licence?: string }
export interface About { version?: string; revision?: string; changed?: boolean; made?: string; toolchain?: string; platform?: string; licence?: string; materials?: Material[]; programBytes?: Uint64; memoryBytes?: Uint64 }
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
export const linkSettings = queryOptions({ queryKey: ['link-settings'], queryFn: ({ signal }) => read<LinkSettings>('/v1/link/settings', signal) });
export const about = queryOptions({ queryKey: ['about'], queryFn: ({ signal }) => read<About>('/v1/about', signal), staleTime: 60_000 });
