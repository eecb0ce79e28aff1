import type { ReactNode } from 'react';
import { Store } from '@/api/store';

export interface Toast {
  id: number;
  tone: 'good' | 'bad' | 'none';
  text: string;
  hint?: ReactNode;
  action?: { label: string; run: () => void };
}

export const toasts = new Store<Toast[]>([]);
const maxToasts = 4;
let next = 1;

export function drop(id: number) {
  toasts.set(toasts.get().filter((x) => x.id !== id));
}

/** toast says something in passing. What went wrong stays longer, for it is longer to read. */
export function toast(t: Omit<Toast, 'id'>) {
  const id = next++;
  toasts.set([...toasts.get(), { ...t, id }].slice(-maxToasts));
  if (!t.action) setTimeout(() => drop(id), t.tone === 'bad' ? 12_000 : 4_000);
}
