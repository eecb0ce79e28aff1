import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { payZakat } from '@/api/money/zakat';
import type { Assessment, AssessmentLine } from '@/api/zakat';
import { toMinor, useMoney } from '@/i18n/money';
import { useFormats } from '@/i18n/format';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Money, MoneyField, useAmount, useMoneyText, useScale } from '@/ui/Money';
import { useCode } from '@/ui/useCode';
import { FromAccount, accountName, left, useMine } from './FromAccount';
import { Move } from './Move';

interface Props {
  says: Assessment;
  setName: string;
  /** It is somebody else's, who pays from their own account. */
  desk?: boolean;
  onSave?: () => Promise<unknown>;
  onFollow?: () => Promise<unknown>;
}

/** What is due, with each step of how it was reckoned. */
export function Reckoned({ says, setName, desk, onSave, onFollow }: Props) {
  const { t } = useTranslation();
  const [paying, setPaying] = useState(false);
  const due = toMinor(says.due) > 0n;
  const top = useRef<HTMLDivElement>(null);
  // On a phone the answer lies below a long form.
  useEffect(() => top.current?.scrollIntoView({ block: 'center' }), [says]);
  return (
    <Card title={t('wallet.reckoned')}>
      <div ref={top} role="status" />
      {due ? (
        <div>
          <p className="text-sm text-soft">{t('wallet.isDue')}</p>
          <Money minor={says.due} asset={says.asset} className="text-3xl font-semibold" />
        </div>
      ) : (
        <Notice tone="none" hint={t('wallet.belowHint')}>
          {t('wallet.below')}
        </Notice>
      )}
      {says.flags?.includes('price_stale') && <Notice tone="warn">{t('wallet.staleUsed')}</Notice>}
      {says.flags?.includes('price_in_future') && <Notice tone="warn">{t('wallet.futureUsed')}</Notice>}
      <div className="mt-2">
        <Facts rows={(says.lines ?? []).map((l, i) => [<StepName key={i} line={l} />, <StepValue key="v" line={l} asset={says.asset} />])} />
        <Facts rows={[[t('wallet.opinion'), setName]]} />
      </div>
      <p className="mt-2 text-xs text-soft">{t('wallet.hawlText')}</p>
      <div className="mt-4 flex flex-wrap gap-2">
        {due && !desk && (
          <Button look="main" onClick={() => setPaying(true)}>
            {t('wallet.payZakat')}
          </Button>
        )}
        {onSave && <Button onClick={() => void onSave()}>{t('wallet.save')}</Button>}
        {onFollow && <Button onClick={() => void onFollow()}>{t('wallet.follow')}</Button>}
      </div>
      {paying && <PayZakat due={says.due!} asset={says.asset!} onClose={() => setPaying(false)} />}
    </Card>
  );
}

function StepName({ line }: { line: AssessmentLine }) {
  return <>{useCode()('zakatStep', line.step)}</>;
}

/** A step of money is an amount; others say what they stood on. */
function StepValue({ line: l, asset }: { line: AssessmentLine; asset?: string }) {
  const f = useFormats();
  const { t } = useTranslation();
  const fact = (name: string) => l.facts?.find((x) => x.name === name)?.value;
  if (l.step === 'rate') return <span className="latin">{fact('rate')}</span>;
  if (l.step === 'below_nisab') return <>—</>;
  if (l.step === 'worn_not_counted') return <>{t('wallet.gramsPure', { grams: f.value(Number(fact('pure_mg') ?? 0) / 1000) })}</>;
  return (
    <>
      <Money minor={l.amount} asset={asset} />
      {fact('pure_mg') && <span className="block text-xs font-normal text-soft">{t('wallet.gramsPure', { grams: f.value(Number(fact('pure_mg')) / 1000) })}</span>}
    </>
  );
}

export function PayZakat({ due, asset, onClose }: { due: string; asset: string; onClose: () => void }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const m = useMoney();
  const scale = useScale()(asset) ?? 0;
  const mine = useMine();
  const [payer, setPayer] = useState(mine?.find((a) => a.asset === asset)?.id ?? '');
  const account = mine?.find((a) => a.id === payer);
  const amount = useAmount(asset, m.plain(due, scale));
  const rest = left(account, amount.minor);
  const short = rest !== undefined && BigInt(rest) < 0n;
  return (
    <Move
      title={t('wallet.payZakat')}
      onClose={onClose}
      ready={!!account && account.asset === asset && amount.minor !== undefined && !short}
      verb={t('wallet.payNow')}
      done={t('wallet.zakatPaid')}
      note={t('wallet.zakatNote')}
      facts={[
        [t('wallet.amount'), <Money key="amount" minor={amount.minor} asset={asset} />],
        [t('wallet.from'), account && <bdi>{accountName(account)}</bdi>],
        [t('wallet.after'), <Money key="after" minor={rest} asset={asset} />],
      ]}
      command={(id) => payZakat({ id, from: payer, amount: amount.minor! }, { label: 'wallet.payingZakat', values: { amount: money(amount.minor, asset) } })}
    >
      <FromAccount value={payer} onChange={setPayer} />
      <MoneyField label={t('wallet.amount')} asset={asset} value={amount.typed} onChange={amount.setTyped} error={short ? t('wallet.short') : undefined} />
    </Move>
  );
}
