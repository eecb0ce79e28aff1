import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { me } from '@/api/identity';
import { newId } from '@/api/money/id';
import { assessZakat, declareWealth, saveAssessment } from '@/api/money/zakat';
import { type Assess, type Assessment, nisab } from '@/api/zakat';
import { useCommand } from '@/api/useCommand';
import { sum, useMoney } from '@/i18n/money';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Check, Select } from '@/ui/Field';
import { MoneyField, useAssetName, useScale } from '@/ui/Money';
import { Columns, Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { useSentence } from '@/ui/useSentence';
import { Notice } from '@/ui/Badge';
import { useMine } from './FromAccount';
import { Hawl } from './Hawl';
import { Metals } from './Metals';
import { NisabFacts, useSetName } from './NisabFacts';
import { Reckoned } from './Reckoned';
import { type Typed, nothing, wealthOf } from './zakatForm';

/** Zakat reckons what is due, and says each step of how. */
export default function Zakat() {
  const { t } = useTranslation();
  const mine = useMine();
  const name = useAssetName();
  const [chosen, setChosen] = useState('');
  const assets = [...new Set((mine ?? []).map((a) => a.asset ?? '').filter((a) => /^[A-Z]{3}$/.test(a)))];
  const asset = chosen || assets[0] || '';
  return (
    <Page title={t('wallet.zakat')} lead={t('wallet.zakatLead')}>
      {assets.length > 1 && (
        <Select label={t('wallet.currency')} value={asset} onChange={(e) => setChosen(e.target.value)} className="max-w-xs">
          {assets.map((a) => (
            <option key={a} value={a}>
              {name(a)}
            </option>
          ))}
        </Select>
      )}
      {asset && <Reckon key={asset} asset={asset} />}
    </Page>
  );
}

/** At a desk it is somebody else's wealth: nothing of it is kept, followed or paid from here. */
export function Reckon({ asset, desk = false }: { asset: string; desk?: boolean }) {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const query = useQuery(nisab(asset));
  const mine = useMine();
  const scale = useScale()(asset);
  const m = useMoney();
  const run = useCommand();
  const sentence = useSentence();
  const setName = useSetName();
  const [set, setSet] = useState('');
  const [solar, setSolar] = useState(false);
  const [typed, setTyped] = useState<Typed>(nothing);
  const [answer, setAnswer] = useState<{ asked: Assess; says: Assessment }>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const here = sum((mine ?? []).filter((a) => a.asset === asset).map((a) => a.balance?.posted));
  const wealth = scale === undefined ? undefined : wealthOf(typed, scale, asset);
  const change = (part: Partial<Typed>) => {
    setTyped({ ...typed, ...part });
    setAnswer(undefined);
  };
  const reckon = async (e: FormEvent) => {
    e.preventDefault();
    if (!wealth) return;
    setBusy(true);
    setError(undefined);
    const asked: Assess = { asset, wealth, ...(set && { set }), ...(solar && { solar }) };
    try {
      setAnswer({ asked, says: await assessZakat(asked) });
    } catch (err) {
      setError(err);
    }
    setBusy(false);
  };
  const why = error === undefined ? undefined : sentence(error);
  const field = (key: 'cash' | 'tradeGoods' | 'receivables' | 'debts', label: string, help: string) => (
    <MoneyField optional label={label} help={help} asset={asset} value={typed[key]} onChange={(v) => change({ [key]: v })} />
  );
  return (
    <>
      <Loaded query={query}>{(n) => <NisabFacts nisab={n} chosen={set} onChoose={setSet} />}</Loaded>
      <Columns>
        <Card title={t('wallet.have')}>
          <form onSubmit={(e) => void reckon(e)} className="space-y-4">
            {field('cash', t('wallet.cash'), t('wallet.cashHelp'))}
            {!desk && scale !== undefined && BigInt(here) > 0n && (
              <Button onClick={() => change({ cash: m.plain(here, scale) })}>{t('wallet.cashHere', { amount: m.text(here, scale, asset) })}</Button>
            )}
            <Metals metal="gold" pieces={typed.gold} onChange={(gold) => change({ gold })} />
            <Metals metal="silver" pieces={typed.silver} onChange={(silver) => change({ silver })} />
            {field('tradeGoods', t('wallet.tradeGoods'), t('wallet.tradeGoodsHelp'))}
            {field('receivables', t('wallet.receivables'), t('wallet.receivablesHelp'))}
            {field('debts', t('wallet.debts'), t('wallet.debtsHelp'))}
            <Check label={t('wallet.solar')} help={t('wallet.solarHelp')} checked={solar} onChange={(e) => { setSolar(e.target.checked); setAnswer(undefined); }} />
            {why && (
              <Notice tone="bad" hint={why.hint}>
                {why.text}
              </Notice>
            )}
            <Button type="submit" look="main" busy={busy} disabled={!wealth}>
              {t('wallet.reckon')}
            </Button>
          </form>
        </Card>
        {answer && (
          <Reckoned
            says={answer.says}
            setName={setName(answer.says.set)}
            desk={desk}
            onSave={who?.id && !desk ? () => run(saveAssessment(newId(), who.id!, answer.asked, { label: 'wallet.saving' }), t('wallet.saved')) : undefined}
            onFollow={who?.id && !desk ? () => run(declareWealth({ person: who.id!, asset, ...(set && { set }), wealth: { ...answer.asked.wealth, cash: undefined } }, { label: 'wallet.following' }), t('wallet.followed')) : undefined}
          />
        )}
        {who?.id && !desk && <Hawl person={who.id} />}
      </Columns>
    </>
  );
}
