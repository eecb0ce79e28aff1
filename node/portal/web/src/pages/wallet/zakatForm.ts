import { parseMoney } from '@/i18n/money';
import type { MetalPiece, Wealth } from '@/api/zakat';

/** A Piece of metal as it is typed: grams, thousandths of pure metal, worn or not. */
export interface Piece { grams: string; fineness: number; worn: boolean }
export interface Typed { cash: string; tradeGoods: string; receivables: string; debts: string; gold: Piece[]; silver: Piece[] }

export const nothing: Typed = { cash: '', tradeGoods: '', receivables: '', debts: '', gold: [], silver: [] };

/** Carats of gold, and what silver is usually made of, in thousandths. */
export const finenesses = { gold: [1000, 917, 875, 750, 585, 375], silver: [999, 925, 900, 800] } as const;

/** milligrams of what was typed in grams, to a hundredth of one; undefined where it is no weight. */
export function milligrams(grams: string): string | undefined {
  const p = parseMoney(grams, 2);
  return 'minor' in p ? (BigInt(p.minor) * 10n).toString() : undefined;
}

/** wealthOf is what was typed as the node takes it; undefined where something is no amount. What is empty is nothing. */
export function wealthOf(v: Typed, scale: number, asset: string): Wealth | undefined {
  const w: Wealth = {};
  for (const key of ['cash', 'tradeGoods', 'receivables', 'debts'] as const) {
    const p = parseMoney(v[key], scale, asset);
    if ('minor' in p) w[key] = p.minor;
    else if (p.fault !== 'empty' && p.fault !== 'zero') return undefined;
  }
  for (const metal of ['gold', 'silver'] as const) {
    const pieces: MetalPiece[] = [];
    for (const p of v[metal]) {
      if (!p.grams.trim()) continue;
      const mg = milligrams(p.grams);
      if (!mg) return undefined;
      pieces.push({ milligrams: mg, fineness: p.fineness, ...(p.worn && { worn: true }) });
    }
    if (pieces.length) w[metal] = pieces;
  }
  return w;
}
