import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isId } from '@/api/money/id';
import { createTransfer } from '@/api/money/ledger';
import { Field } from '@/ui/Field';
import { Money, MoneyField, useAmount, useMoneyText } from '@/ui/Money';
import { AccountNumber } from './AccountNumber';
import { FromAccount, accountName, left, useMine } from './FromAccount';
import { Move } from './Move';
import { NumberOf } from './NumberOf';

/** Send moves money from one's own account to another, by its number. */
export default function Send({ from, number = '', onClose }: { from: string; number?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const mine = useMine();
  const [payer, setPayer] = useState(from);
  const [to, setTo] = useState(number);
  const [memo, setMemo] = useState('');
  const account = mine?.find((a) => a.id === payer);
  const asset = account?.asset ?? '';
  const amount = useAmount(asset);
  const rest = left(account, amount.minor);
  const short = rest !== undefined && BigInt(rest) < 0n;
  const same = to === payer;
  return (
    <Move
      title={t('wallet.send')}
      onClose={onClose}
      ready={!!account && isId(to) && !same && amount.minor !== undefined && !short}
      verb={t('wallet.sendNow')}
      done={t('wallet.sent')}
      note={t('wallet.sendNote')}
      facts={[
        [t('wallet.from'), account && <bdi>{accountName(account)}</bdi>],
        [t('wallet.to'), <NumberOf id={to} key="to" />],
        [t('wallet.amount'), <Money key="amount" minor={amount.minor} asset={asset} />],
        ...(memo ? ([[t('wallet.memo'), <bdi key="memo">{memo}</bdi>]] as [string, React.ReactNode][]) : []),
        [t('wallet.after'), <Money key="after" minor={rest} asset={asset} />],
      ]}
      command={(id) =>
        createTransfer({ id, debit: payer, credit: to, amount: amount.minor!, asset, ...(memo && { memo }) }, { label: 'wallet.sending', values: { amount: money(amount.minor, asset), number: to.slice(-6) } })
      }
    >
      <FromAccount value={payer} onChange={setPayer} />
      <AccountNumber label={t('wallet.to')} value={to} onChange={setTo} error={same && to ? t('wallet.sameAccount') : undefined} />
      <MoneyField label={t('wallet.amount')} asset={asset} value={amount.typed} onChange={amount.setTyped} error={short ? t('wallet.short') : undefined} />
      <Field label={t('wallet.memo')} help={t('wallet.memoHelp')} maxLength={140} value={memo} onChange={(e) => setMemo(e.target.value)} />
    </Move>
  );
}
