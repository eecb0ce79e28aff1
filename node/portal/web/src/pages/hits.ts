import type { Hit } from '@/api/search';

/** Kinds of things that are found. */
export const hitKinds = ['person', 'device', 'audit'] as const;
export type HitKind = (typeof hitKinds)[number];

/** hitAddress is the page of what was found: the node says where. Only a page of this portal counts. */
export function hitAddress(h: Hit): string {
  const link = h.link ?? '';
  return /^\/(?![/\\])/.test(link) ? link : `/search?q=${encodeURIComponent(h.title ?? h.id ?? '')}`;
}
