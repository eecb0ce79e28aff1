import type { Hit } from '@/api/more';

/** hitAddress is the page of what was found. What has no page of its own is shown where its kind is listed. */
export function hitAddress(h: Hit): string {
  const id = encodeURIComponent(h.id ?? '');
  switch (h.kind) {
    case 'device':
      return `/devices/${id}`;
    case 'person':
      return `/people#${id}`;
    case 'setting':
      return '/settings';
    default:
      return `/search?q=${encodeURIComponent(h.title ?? h.id ?? '')}`;
  }
}
