import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { me } from '@/api/identity';
import { type Account, accounts } from '@/api/money/ledger';
import { useMoneyText } from '@/ui/Money';
import { Select } from '@/ui/Field';

/** useMine is the open accounts of whoever is signed in; undefined while they are not known. */
export function useMine(): Account[] | undefined {
  const who = useQuery({ ...me, enabled: false }).data;
  const pages = useInfiniteQuery({ ...accounts({ owner: who?.id ?? '' }), enabled: !!who?.id }).data?.pages;
  return pages?.flatMap((p) => p.accounts ?? []).filter((a) => a.state !== 'CLOSED');
}

/** accountName calls an account by its name, or by its currency. */
export const accountName = (a: Account) => a.name || a.asset || a.id;

/** FromAccount chooses which of one's accounts pays. Where there is one, there is nothing to choose. */
export function FromAccount({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const { t } = useTranslation();
  const text = useMoneyText();
  const mine = useMine() ?? [];
  return (
    <Select label={t('wallet.from')} value={value} onChange={(e) => onChange(e.target.value)}>
      {mine.map((a) => (
        <option key={a.id} value={a.id} disabled={a.state === 'FROZEN'}>
          {accountName(a)} · {text(a.balance?.available, a.asset)}
        </option>
      ))}
    </Select>
  );
}

/** left is what could be spent after an amount was; below zero where there is not enough. */
export function left(a: Account | undefined, minor: string | undefined): string | undefined {
  return a?.balance?.available !== undefined && minor !== undefined ? (BigInt(a.balance.available) - BigInt(minor)).toString() : undefined;
}
