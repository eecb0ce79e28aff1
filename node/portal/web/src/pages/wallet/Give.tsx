import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Campaign, type PublicFund, publicFunds } from '@/api/funds';
import { give } from '@/api/money/giving';
import { toMinor } from '@/i18n/money';
import { Field, Select } from '@/ui/Field';
import { Money, MoneyField, useAmount, useMoneyText } from '@/ui/Money';
import { FromAccount, accountName, left, useMine } from './FromAccount';
import { Move } from './Move';

interface Choice {
  key: string;
  name: string;
  about?: string;
  fund: PublicFund;
  campaign?: Campaign;
  goal?: string;
  goalAsset?: string;
  given?: string;
}

/** Zakat, zakat al-fitr and fidya have rules and operations of their own; what is entrusted belongs to its owners. */
const apart = /^(amanah|zakat|fitr|fidya)$/;

/** choices is every fund one can give to, each with the campaigns for it behind it. */
export function choices(funds: PublicFund[]): Choice[] {
  return funds
    .filter((f) => !apart.test(f.id))
    .flatMap((fund) => [
      ...(fund.campaigns ?? []).map((c) => ({ key: `c/${c.id}`, name: c.title || c.id, about: c.text, fund, campaign: c, goal: c.goal, goalAsset: c.goalAsset, given: c.totals?.find((x) => x.asset === c.goalAsset)?.given })),
      { key: `f/${fund.id}`, name: fund.name || fund.id, about: fund.purpose, fund, goal: fund.goal, goalAsset: fund.goalAsset, given: fund.totals?.find((x) => x.asset === fund.goalAsset)?.income },
    ]);
}

/** Give moves money to a fund for good, and says first what it is for. */
export default function Give({ from, onClose }: { from: string; onClose: () => void }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const mine = useMine();
  const all = choices(useQuery(publicFunds).data?.body.funds ?? []);
  const [payer, setPayer] = useState(from);
  const [key, setKey] = useState('');
  const [memo, setMemo] = useState('');
  const account = mine?.find((a) => a.id === payer);
  const asset = account?.asset ?? '';
  const amount = useAmount(asset);
  const to = all.find((c) => c.key === key) ?? all[0];
  const rest = left(account, amount.minor);
  const short = rest !== undefined && BigInt(rest) < 0n;
  return (
    <Move
      title={t('wallet.give')}
      onClose={onClose}
      ready={!!account && !!to && amount.minor !== undefined && !short}
      verb={t('wallet.giveNow')}
      done={t('wallet.given')}
      note={t('wallet.giveNote')}
      facts={[
        [t('wallet.giveTo'), <bdi key="to">{to?.name}</bdi>],
        [t('wallet.amount'), <Money key="amount" minor={amount.minor} asset={asset} />],
        [t('wallet.from'), account && <bdi>{accountName(account)}</bdi>],
        [t('wallet.after'), <Money key="after" minor={rest} asset={asset} />],
      ]}
      command={(id) =>
        give(
          { id, from: payer, amount: amount.minor!, ...(to!.campaign ? { campaign: to!.campaign.id } : { fund: to!.fund.id }), ...(memo && { memo }) },
          { label: 'wallet.giving', values: { amount: money(amount.minor, asset), name: to!.name } },
        )
      }
    >
      <Select label={t('wallet.giveTo')} value={to?.key ?? ''} onChange={(e) => setKey(e.target.value)}>
        {all.map((c) => (
          <option key={c.key} value={c.key}>
            {c.name}
          </option>
        ))}
      </Select>
      {to && <About choice={to} />}
      <FromAccount value={payer} onChange={setPayer} />
      <MoneyField label={t('wallet.amount')} asset={asset} value={amount.typed} onChange={amount.setTyped} error={short ? t('wallet.short') : undefined} />
      <Field label={t('wallet.memo')} help={t('wallet.memoHelp')} maxLength={140} value={memo} onChange={(e) => setMemo(e.target.value)} />
    </Move>
  );
}

/** What it is for, and how far it has come. */
function About({ choice: c }: { choice: Choice }) {
  const { t } = useTranslation();
  const [has, goal] = [toMinor(c.given), toMinor(c.goal)];
  return (
    <div className="space-y-2 rounded-lg bg-raised px-3.5 py-2.5 text-sm">
      {c.about && <p className="break-words whitespace-pre-line"><bdi>{c.about}</bdi></p>}
      {c.campaign && <p className="text-soft">{t('wallet.campaignOf', { fund: c.fund.name || c.fund.id })}</p>}
      {goal > 0n && (
        <div className="space-y-1">
          <div className="h-1.5 overflow-hidden rounded-full bg-line">
            <div className="h-full rounded-full bg-accent" style={{ width: `${Math.min(100, Number((has * 1000n) / goal) / 10)}%` }} />
          </div>
          <p className="flex flex-wrap justify-between gap-x-3 text-soft">
            <span>{t('wallet.gathered')} <Money minor={c.given ?? '0'} asset={c.goalAsset} /></span>
            <span>{t('wallet.goal')} <Money minor={c.goal} asset={c.goalAsset} /></span>
          </p>
        </div>
      )}
    </div>
  );
}
