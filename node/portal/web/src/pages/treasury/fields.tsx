import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { SelectHTMLAttributes } from 'react';
import { useTranslation } from 'react-i18next';
import { may, me, people } from '@/api/identity';
import { type Account, type AccountFilter, accounts, assets } from '@/api/money/ledger';
import { Area, Field, Select } from '@/ui/Field';
import { useMoneyText } from '@/ui/Money';
import { useKind } from '../funds/useKind';

/** Of these a balance below zero is what is there: balances are credits less debits. */
const held = new Set(['CASH', 'BANK', 'EXPENSE', 'RECEIVABLE', 'CLEARING']);

/** stands is where an account stands, as people mean it: what is in a drawer is above zero. */
export function stands(a: Account): string {
  const n = a.balance?.posted ?? '0';
  if (!held.has(a.kind ?? '')) return n;
  return n.startsWith('-') ? n.slice(1) : n === '0' ? '0' : `-${n}`;
}

export const isDesk = (a: Account) => a.kind === 'CASH' || a.kind === 'BANK';

/** useAccounts is every account of a kind that is open: up to 500, which is more than anyone chooses from. */
export function useAccounts(filter: AccountFilter = {}, wanted = true) {
  const all = useInfiniteQuery({ ...accounts(filter), enabled: wanted }).data?.pages.flatMap((p) => p.accounts ?? []) ?? [];
  return all.filter((a) => a.state === 'OPEN');
}

/** useAccountName is what people call an account: its name, or its kind and fund. */
export function useAccountName() {
  const { t } = useTranslation();
  const kind = useKind();
  return (a: Account): string => a.name || `${t(`accountKind.${a.kind ?? 'MEMBER'}`)} · ${kind.name(a.fund ?? 'general')}`;
}

type SelectProps = SelectHTMLAttributes<HTMLSelectElement> & { label: string; help?: string };

/** An AccountField chooses among accounts by name, with what is on each. */
export function AccountField({ list, ...rest }: SelectProps & { list: Account[] }) {
  const { t } = useTranslation();
  const name = useAccountName();
  const money = useMoneyText();
  const kind = useKind();
  return (
    <Select required {...rest}>
      <option value="">{t('treasury.choose')}</option>
      {list.map((a) => (
        <option key={a.id} value={a.id}>
          {name(a)} · {kind.name(a.fund ?? '')} · {money(stands(a), a.asset)}
        </option>
      ))}
    </Select>
  );
}

/** useUsual is the currency somebody here most likely means: the first currency of a country that is in use. */
export function useUsual(): string {
  const all = useQuery(assets).data?.assets ?? [];
  return (all.find((a) => a.iso) ?? all[0])?.code ?? '';
}

/** An AssetField chooses a currency: of those in use, or another by its code. */
export function AssetField({ label, name, value, onChange, optional }: { label: string; name?: string; value: string; onChange: (code: string) => void; optional?: boolean }) {
  const { t } = useTranslation();
  const known = useQuery(assets).data?.assets ?? [];
  return (
    <>
      <Field label={label} name={name} latin required={!optional} list="assets" maxLength={12} pattern="[A-Z][A-Z0-9_]{2,11}" title={t('treasury.assetHelp')} help={t('treasury.assetHelp')} value={value} onChange={(e) => onChange(e.target.value.toUpperCase())} />
      <datalist id="assets">
        {known.map((a) => (
          <option key={a.code} value={a.code} />
        ))}
      </datalist>
    </>
  );
}

/** A PersonField names a person: from the list where the reader may see it, else by the id that stands on their account page. */
export function PersonField({ label, name = 'person', optional }: { label: string; name?: string; optional?: boolean }) {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const sees = may(who, 'identity.read');
  const list = useQuery({ ...people, enabled: sees, staleTime: 60_000 }).data?.people ?? [];
  if (!sees) return <Field label={label} name={name} latin required={!optional} maxLength={64} help={t('treasury.personId')} />;
  return (
    <Select label={label} name={name} required={!optional} defaultValue="">
      <option value="">{t(optional ? 'treasury.house' : 'treasury.choose')}</option>
      {list.map((p) => (
        <option key={p.id} value={p.id}>
          {p.displayName || p.login}
        </option>
      ))}
    </Select>
  );
}

/** A ReasonField takes a sentence or a few, in the words of whoever writes it. */
export const ReasonField = ({ label, name = 'reason', help, max = 500, optional = false, value }: { label: string; name?: string; help?: string; max?: number; optional?: boolean; value?: string }) => (
  <Area label={label} name={name} help={help} prose required={!optional} minLength={optional ? undefined : 3} maxLength={max} rows={3} defaultValue={value} />
);
