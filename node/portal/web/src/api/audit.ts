import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { read } from './http';
import type { Uint64 } from './node';

// The messages of aielon.audit.v1 as JSON.
export interface AuditRecord {
  kind?: string; time?: string; actorKind?: string; actor?: string; site?: string; session?: string; door?: string; address?: string; request?: string; op?: string;
  objectType?: string; objectId?: string; class?: string; money?: boolean; denied?: boolean; policies?: string[]; reason?: string; emergency?: string; outcome?: string;
  journal?: string; position?: string;
}
export interface Signature { node?: string; time?: string }
export interface Checkpoint { size?: Uint64; root?: string; signed?: Signature[]; cosigned?: Signature[]; note?: string }
export interface AuditTree { journal?: string; epoch?: string; origin?: string; size?: Uint64; signed?: Uint64; lost?: string; checkpoint?: Checkpoint; behind?: Uint64 }
export interface AuditState { level?: string; text?: string; hint?: string; trees?: AuditTree[] }
export interface ProvenRecord { record?: AuditRecord; state?: 'proven' | 'waiting' | 'refuted' | 'unproven'; text?: string; checkpoint?: Checkpoint; origin?: string; leaf?: string; proof?: string[] }
export interface Verification { journal?: string; checked?: Uint64; of?: Uint64; done?: boolean; holds?: boolean; problems?: string[] }

/** A filter as it stands in the address of the page: days are local, refused is 'yes'. */
export interface AuditFilter { actor?: string; op?: string; kind?: string; about?: string; request?: string; from?: string; to?: string; refused?: string }

/** asked is a filter as the node wants it. A day ends where the next begins, in the reader's own zone. */
export function asked(f: AuditFilter): URLSearchParams {
  const [type, id] = f.about?.includes('/') ? [f.about.slice(0, f.about.indexOf('/')), f.about.slice(f.about.indexOf('/') + 1)] : [undefined, f.about];
  const all = { actor: f.actor, op: f.op, kind: f.kind, object_type: type, object_id: id, request: f.request, since: midnight(f.from, 0), until: midnight(f.to, 1), denied: f.refused && 'true' };
  const q = new URLSearchParams({ page_size: '50' });
  for (const [k, v] of Object.entries(all)) if (v) q.set(k, v);
  return q;
}

function midnight(day: string | undefined, later: number): string | undefined {
  const m = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? '');
  return m ? new Date(Number(m[1]), Number(m[2]) - 1, Number(m[3]) + later).toISOString() : undefined;
}

export const audit = (f: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ['audit', f],
    queryFn: ({ signal, pageParam }) => {
      const q = asked(f);
      if (pageParam) q.set('page_token', pageParam);
      return read<{ records?: AuditRecord[]; nextPageToken?: string }>(`/v1/audit/records?${q}`, signal);
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.nextPageToken || undefined,
  });

export const auditState = queryOptions({ queryKey: ['audit', 'state'], queryFn: ({ signal }) => read<AuditState>('/v1/audit/state', signal), staleTime: 30_000 });

export const auditRecord = (journal: string, epoch: string, number: string) =>
  queryOptions({
    queryKey: ['audit', journal, epoch, number],
    queryFn: ({ signal }) => read<ProvenRecord>(`/v1/audit/records/${encodeURIComponent(journal)}/${encodeURIComponent(epoch)}/${encodeURIComponent(number)}`, signal),
  });
