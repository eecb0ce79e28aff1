import type { Entry } from '@/api/money/ledger';
import { toNumber } from '@/i18n/money';

/** A balance stands until the next entry: two points for each, so that the line has steps and no slopes. Entries come newest first. */
export function steps(entries: Entry[], scale: number, from: number, before: string | undefined, now: number): { times: number[]; values: number[] } {
  const points: { at: number; value: number }[] = [{ at: from, value: toNumber(before, scale) }];
  for (const e of [...entries].reverse()) {
    const at = Date.parse(e.time ?? '') / 1000;
    if (!(at >= from)) continue;
    points.push({ at, value: points.at(-1)!.value }, { at, value: toNumber(e.balance?.posted, scale) });
  }
  points.push({ at: Math.max(now, points.at(-1)!.at), value: points.at(-1)!.value });
  return { times: points.map((p) => p.at), values: points.map((p) => p.value) };
}
