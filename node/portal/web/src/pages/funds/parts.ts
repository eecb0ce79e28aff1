import type { IncomePart } from '@/api/funds';

/** A Part is one day or month of a plot. at is its first moment, as the reader's calendar has it. */
export interface Part { from: string; at: Date; income: bigint; spent: bigint }

const two = (n: number) => String(n).padStart(2, '0');
const nameOf = (d: Date) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;

/** filled puts the parts in which nothing moved back between the others. */
export function filled(parts: IncomePart[], first: Date, count: number, step: 'DAY' | 'MONTH'): Part[] {
  const by = new Map(parts.map((p) => [p.from?.slice(0, 10), p]));
  return Array.from({ length: count }, (_, i) => {
    const at = step === 'DAY' ? new Date(first.getFullYear(), first.getMonth(), first.getDate() + i) : new Date(first.getFullYear(), first.getMonth() + i, 1);
    const p = by.get(nameOf(at));
    return { from: nameOf(at), at, income: whole(p?.income), spent: whole(p?.spent) };
  });
}

/** twelve is a year by months, the newest last. */
export const twelve = (parts: IncomePart[], now = new Date()) => filled(parts, new Date(now.getUTCFullYear(), now.getUTCMonth() - 11, 1), 12, 'MONTH');

/** whole reads minor units as the node sends them; what is missing is nothing. */
export function whole(s: string | undefined): bigint {
  return s && /^-?\d+$/.test(s) ? BigInt(s) : 0n;
}

/** permille is how much of a goal there is, at most all of it. */
export function permille(there: bigint, goal: bigint): number {
  if (goal <= 0n || there <= 0n) return 0;
  return there >= goal ? 1000 : Number((there * 1000n) / goal);
}
