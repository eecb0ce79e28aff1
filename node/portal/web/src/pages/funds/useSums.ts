import type { PublicFund } from '@/api/funds';
import { useMoney } from '@/i18n/money';
import { useDays } from './useDays';

/**
 * useSums writes the sums of a public fund. The fund says how many decimals those currencies have in which something moved;
 * of others, as of a goal nobody has given for yet, the browser knows them where they are of ISO 4217.
 */
export function useSums(fund: PublicFund) {
  const money = useMoney();
  const days = useDays();
  const scale = (asset: string) => {
    const total = fund.totals?.find((x) => x.asset === asset);
    return total ? (total.scale ?? 0) : decimals(asset);
  };
  return {
    sum: (asset: string) => (minor: bigint) => money.text(String(minor), scale(asset), asset),
    short: (asset: string) => (minor: bigint) => days.short(Number(minor) / 10 ** scale(asset)),
  };
}

/** decimals of a currency of ISO 4217; none where the browser does not know it. */
export function decimals(asset: string): number {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency: asset }).resolvedOptions().maximumFractionDigits ?? 0;
  } catch {
    return 0;
  }
}
