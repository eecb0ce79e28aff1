import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Step, income, partsOf, since, steps } from '@/api/funds';
import { Card } from '@/ui/Card';
import { useMoneyText, useScale } from '@/ui/Money';
import { Loaded } from '@/ui/States';
import { Bars } from '../funds/Bars';
import { filled } from '../funds/parts';
import { useDays } from '../funds/useDays';

/** What came into a fund and was spent of it, by day or month, one currency at a time. */
export function Plot({ fund, list }: { fund: string; list: string[] }) {
  const { t } = useTranslation();
  const days = useDays();
  const money = useMoneyText();
  const scale = useScale();
  const [step, setStep] = useState<Step>('DAY');
  const [chosen, setChosen] = useState('');
  const asset = chosen || list[0] || '';
  const query = useQuery(income(fund, asset, step));
  const choice = <Choice label={t('treasury.step')} all={steps} one={step} onChoose={setStep} say={(s) => t(`treasury.step_${s}`)} />;
  if (!asset) return null;
  return (
    <Card title={t('treasury.flow')} action={choice}>
      {list.length > 1 && <Choice label={t('treasury.asset')} all={list} one={asset} onChoose={setChosen} say={(s) => s} />}
      <Loaded query={query} lines={6}>
        {(i) => (
          <Bars
            label={t('treasury.flowOf', { income: money(i.income, asset), spent: money(i.spent, asset) })}
            parts={filled(i.parts ?? [], since(step), partsOf[step], step)}
            step={step}
            sum={(n) => money(String(n), asset)}
            short={(n) => days.short(Number(n) / 10 ** (scale(asset) ?? 0))}
          />
        )}
      </Loaded>
    </Card>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  all: readonly T[];
  one: T;
  onChoose: (one: T) => void;
  say: (one: T) => string;
}

/** A Choice is one of a few, each a button. */
export function Choice<T extends string>({ label, all, one, onChoose, say }: ChoiceProps<T>) {
  return (
    <div role="group" aria-label={label} className="flex flex-wrap gap-1">
      {all.map((x) => (
        <button key={x} type="button" aria-pressed={x === one} onClick={() => onChoose(x)} className={`min-h-9 rounded-lg px-2.5 text-xs font-medium ${x === one ? 'bg-accent-ground text-accent' : 'text-soft hover:bg-raised'}`}>
          {say(x)}
        </button>
      ))}
    </div>
  );
}
