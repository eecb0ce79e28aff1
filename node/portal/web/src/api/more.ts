import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { read } from './http';

export interface AuditRecord { position?: string; time?: string; actor?: string; action?: string; object?: string; outcome?: string; reason?: string; node?: string }
export interface AuditFilter { actor?: string; action?: string; outcome?: string }
export interface AuditCheck { ok?: boolean; size?: string; root?: string; checked?: string; signed?: string; cosigners?: number; problem?: string }
export interface Hit { kind?: string; id?: string; title?: string; snippet?: string; time?: string }

export const audit = (f: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ['audit', f],
    queryFn: ({ signal, pageParam }) => {
      const q = new URLSearchParams({ page_size: '100' });
      for (const [k, v] of Object.entries({ ...f, page_token: pageParam })) if (v) q.set(k, v);
      return read<{ records?: AuditRecord[]; nextPageToken?: string }>(`/v1/audit?${q}`, signal);
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.nextPageToken || undefined,
  });

export const auditCheck = queryOptions({ queryKey: ['audit', 'check'], queryFn: ({ signal }) => read<AuditCheck>('/v1/audit/check', signal), staleTime: 60_000 });

export const search = (words: string) =>
  queryOptions({
    queryKey: ['search', words],
    queryFn: ({ signal }) => read<{ hits?: Hit[]; total?: number }>(`/v1/search?query=${encodeURIComponent(words)}`, signal),
    enabled: words.trim().length > 1,
    staleTime: 10_000,
  });
