import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMoney } from '@/i18n/money';
import { MoneyField, useAmount, useScale } from '@/ui/Money';
import { AssetField, useUsual } from './fields';

/** useGoal keeps how much is hoped for, and in what. Both may be left out. */
export function useGoal(minor: string | undefined, of: string | undefined) {
  const usual = useUsual();
  const [chosen, setAsset] = useState(of);
  const asset = chosen ?? usual;
  const m = useMoney();
  const scale = useScale()(asset);
  // What is there is shown once its decimals are known, and until somebody types.
  const amount = useAmount(asset);
  const [touched, setTouched] = useState(false);
  const shown = touched || !minor || scale === undefined ? amount.typed : m.plain(minor, scale);
  const type = (s: string) => {
    setTouched(true);
    amount.setTyped(s);
  };
  const values = () => {
    const goal = touched ? (amount.minor ?? '') : (minor ?? '');
    return goal ? { goal, goalAsset: asset } : {};
  };
  return { asset, setAsset, typed: shown, type, values };
}

export function GoalFields({ goal }: { goal: ReturnType<typeof useGoal> }) {
  const { t } = useTranslation();
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <AssetField label={t('treasury.asset')} value={goal.asset} onChange={goal.setAsset} optional />
      <MoneyField label={t('treasury.goal')} asset={goal.asset} value={goal.typed} onChange={goal.type} optional />
    </div>
  );
}
