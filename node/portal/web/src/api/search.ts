import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { language } from '@/i18n';
import { read } from './http';

// The messages of aielon.search.v1 as JSON.
export interface Mark { start?: number; end?: number }
export interface Snippet { field?: string; text?: string; marks?: Mark[] }
export interface Hit { kind?: string; id?: string; title?: string; titleMarks?: Mark[]; snippets?: Snippet[]; link?: string; time?: string; score?: number }
export interface Found {
  hits?: Hit[]; nextPageToken?: string; total?: number; kinds?: { kind?: string; count?: number }[];
  corrections?: { word?: string; taken?: string[] }[]; partial?: boolean;
}

const asked = (q: string, more: Record<string, string>) => new URLSearchParams({ q, lang: language.get(), ...more });

/** Found things are read again each time and kept nowhere: what somebody looked for is theirs. */
export const search = (q: string, kind = '') =>
  infiniteQueryOptions({
    queryKey: ['search', q, kind, language.get()],
    queryFn: ({ signal, pageParam }) => read<Found>(`/v1/search?${asked(q, { page_size: '20', ...(kind && { kinds: kind }), ...(pageParam && { page_token: pageParam }) })}`, signal, false),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextPageToken || undefined,
    enabled: q.trim().length > 1,
    staleTime: 10_000,
  });

export const suggest = (q: string) =>
  queryOptions({
    queryKey: ['suggest', q, language.get()],
    queryFn: ({ signal }) => read<{ words?: string[] }>(`/v1/search:suggest?${asked(q, {})}`, signal, false),
    enabled: q.trim().length > 1,
    staleTime: 60_000,
    retry: false,
  });
