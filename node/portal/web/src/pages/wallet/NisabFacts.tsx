import { useTranslation } from 'react-i18next';
import type { Nisab, NisabOfSet } from '@/api/zakat';
import { useFormats } from '@/i18n/format';
import { Notice } from '@/ui/Badge';
import { Card, Facts } from '@/ui/Card';
import { Select } from '@/ui/Field';
import { Money } from '@/ui/Money';
import { useCode } from '@/ui/useCode';

/** useSetName calls a set of parameters by what it stands for: "core/1" is the first of its name. */
export function useSetName() {
  const code = useCode();
  return (set: string | undefined): string => code('zakatSet', set?.split('/')[0], set);
}

/** How much wealth it takes, by which opinion, at prices from when. */
export function NisabFacts({ nisab: n, chosen, onChoose }: { nisab: Nisab; chosen: string; onChoose: (set: string) => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const name = useSetName();
  const at: NisabOfSet | undefined = n.sets?.find((s) => s.set === chosen) ?? n.sets?.[0];
  if (!at) return null;
  const grams = f.value(Number(at.milligrams ?? 0) / 1000);
  return (
    <Card title={t('wallet.nisab')}>
      <p className="text-sm text-soft">{t('wallet.nisabText')}</p>
      <div className="mt-3 grid items-end gap-4 sm:grid-cols-2">
        <Select label={t('wallet.opinion')} help={t('wallet.opinionHelp')} value={at.set ?? ''} onChange={(e) => onChoose(e.target.value)}>
          {n.sets?.map((s) => (
            <option key={s.set} value={s.set}>
              {name(s.set)}
            </option>
          ))}
        </Select>
        <div>
          <p className="text-sm text-soft">{t(at.metal === 'silver' ? 'wallet.gramsSilver' : 'wallet.gramsGold', { grams })}</p>
          <Money minor={at.amount} asset={n.asset} className="text-2xl font-semibold" />
        </div>
      </div>
      <div className="mt-2">
        <Facts rows={[[t('wallet.priceFrom'), f.moment(n.price?.time)], [t('wallet.rate'), <span key="r" className="latin">{at.rate}</span>]]} />
      </div>
      {at.stale && (
        <Notice tone="warn" hint={t('wallet.staleHint')}>
          {t('wallet.stale', { when: f.ago(n.price?.time) })}
        </Notice>
      )}
    </Card>
  );
}
