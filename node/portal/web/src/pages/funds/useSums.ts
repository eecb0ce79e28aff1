import type { PublicFund } from '@/api/funds';
import { useMoney } from '@/i18n/money';
import { useScale } from '@/ui/Money';
import { useDays } from './useDays';

/**
 * useSums writes the sums of a public fund. The fund says how many decimals those currencies have in which something moved; of
 * others, as of a goal nobody has given for yet, the node says it. A browser does not know: of many it tells how many are
 * shown, not how many there are.
 */
export function useSums(fund: PublicFund) {
  const money = useMoney();
  const known = useScale();
  const days = useDays();
  const scale = (asset: string): number | undefined => {
    const total = fund.totals?.find((x) => x.asset === asset);
    return total ? (total.scale ?? 0) : known(asset);
  };
  return {
    sum: (asset: string) => (minor: bigint) => {
      const decimals = scale(asset);
      return decimals === undefined ? `… ${asset}` : money.text(String(minor), decimals, asset);
    },
    short: (asset: string) => (minor: bigint) => days.short(Number(minor) / 10 ** (scale(asset) ?? 0)),
  };
}
