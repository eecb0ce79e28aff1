import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { newId } from '@/api/money/id';
import type { Account } from '@/api/money/ledger';
import { type Payment, confirmPayment, createPayment } from '@/api/money/payments';
import { performAll } from '@/api/outbox';
import { fetchJSON } from '@/api/http';
import { useStore } from '@/api/store';
import { useNames } from '@/pages/people/names';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Select } from '@/ui/Field';
import { Money, useAmount, useMoneyText } from '@/ui/Money';
import { useSentence } from '@/ui/useSentence';
import { useQueryClient } from '@tanstack/react-query';
import { AmountPad } from './AmountPad';
import { ChooseAccount, whose } from './ChooseAccount';
import { desksFor, useAccounts, useDesks, useSuspense } from './useDesk';

const lastDesk = 'desk';

interface Taken {
  id: string;
  account: Account;
  amount: string;
  /** taken: the node has it in the ledger. suspense: it has the money, and could not credit the account. */
  is: 'taken' | 'suspense' | 'waits' | 'refused' | 'unclear';
  error?: unknown;
}

/** Take takes cash over the counter. Nothing is called paid before the node has it in the ledger. */
export function Take() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const money = useMoneyText();
  const names = useNames();
  const { all } = useAccounts();
  const desks = useDesks();
  const suspense = useSuspense();
  const { reachable } = useStore(connection);
  const [to, setTo] = useState('');
  const [desk, setDesk] = useState(localStorage.getItem(lastDesk) ?? '');
  const [busy, setBusy] = useState(false);
  const [taken, setTaken] = useState<Taken>();
  const account = all.find((a) => a.id === to);
  const asset = account?.asset ?? desks.find((d) => d.kind === 'GATEWAY_CASH' && d.asset)?.asset ?? '';
  const amount = useAmount(asset);
  const fitting = desksFor(desks, account);
  const at = fitting.find((d) => d.gateway === desk) ?? fitting[0];
  const take = async () => {
    if (!account || !at || amount.minor === undefined || busy) return;
    const done = { id: newId(), account, amount: amount.minor };
    const values = { amount: money(amount.minor, asset), name: whose(account, names.name), account: account.id, asset, gateway: at.gateway };
    setBusy(true);
    try {
      // Both are written down before the first is sent: a payment is never begun and then forgotten.
      const { queued } = await performAll([
        createPayment({ id: done.id, gateway: at.gateway, account: account.id, amount: amount.minor, asset }, { label: 'cashier.beginning', values }),
        confirmPayment(done.id, newId(), amount.minor, { label: 'cashier.taking', values }),
      ]);
      setTaken({ ...done, is: queued ? 'waits' : await stands(done.id) });
    } catch (error) {
      setTaken({ ...done, is: 'refused', error });
    }
    void client.invalidateQueries();
    setBusy(false);
  };
  const next = () => {
    setTaken(undefined);
    amount.setTyped('');
    setTo('');
  };
  if (taken) return <Done taken={taken} onNext={next} onBack={() => setTaken(undefined)} />;
  return (
    <div className="max-w-md space-y-3">
      <ChooseAccount label={t('cashier.to')} value={to} onChange={setTo} of={(a) => a.kind === 'MEMBER' || (a.kind === 'PAYABLE' && !suspense.has(a.id)) || a.kind === 'RECEIVABLE'} />
      <AmountPad asset={asset} value={amount.typed} onChange={amount.setTyped} />
      {fitting.length > 1 && (
        <Select
          label={t('cashier.desk')}
          value={at?.gateway ?? ''}
          onChange={(e) => {
            localStorage.setItem(lastDesk, e.target.value);
            setDesk(e.target.value);
          }}
        >
          {fitting.map((d) => (
            <option key={d.gateway} value={d.gateway}>
              {d.gateway}
            </option>
          ))}
        </Select>
      )}
      {account && !at && <Notice tone="warn">{t('cashier.noDesk', { asset })}</Notice>}
      {account?.state === 'FROZEN' && <Notice tone="warn">{t('wallet.isFrozen')}</Notice>}
      <Button look="main" busy={busy} disabled={!account || !at || amount.minor === undefined || account.state === 'FROZEN'} onClick={() => void take()} className="min-h-14 w-full text-lg">
        {amount.minor !== undefined ? t('cashier.takeAmount', { amount: money(amount.minor, asset) }) : t('cashier.take')}
      </Button>
      {!reachable && <p className="text-sm text-soft">{t('cashier.offline')}</p>}
    </div>
  );
}

/** stands asks the node itself how a payment is that it took: only what is confirmed there is taken. */
async function stands(id: string): Promise<Taken['is']> {
  try {
    const p = await fetchJSON<Payment>(`/v1/wallet/payments/${id}`);
    if (p.state !== 'PAYMENT_CONFIRMED') return 'unclear';
    return p.suspended ? 'suspense' : 'taken';
  } catch {
    // It acknowledged both: they are in the ledger, though it cannot be asked at this moment.
    return 'taken';
  }
}

function Done({ taken: d, onNext, onBack }: { taken: Taken; onNext: () => void; onBack: () => void }) {
  const { t } = useTranslation();
  const names = useNames();
  const sentence = useSentence();
  const why = d.error === undefined ? undefined : sentence(d.error);
  return (
    <div className="max-w-md space-y-4" role="status">
      <div className="rounded-xl border border-line bg-card p-5 text-center">
        <Money minor={d.amount} asset={d.account.asset} className="text-3xl font-semibold" />
        <p className="mt-1">
          <bdi>{whose(d.account, names.name)}</bdi>
        </p>
        <p className="latin mt-1 font-mono text-xs text-soft">{d.id}</p>
      </div>
      {d.is === 'taken' && <Notice tone="good">{t('cashier.isTaken')}</Notice>}
      {d.is === 'suspense' && (
        <Notice tone="warn" hint={t('cashier.suspenseHint')}>
          {t('cashier.suspense')}
        </Notice>
      )}
      {d.is === 'waits' && (
        <Notice tone="warn" hint={t('cashier.waitsHint')}>
          {t('cashier.waits')}
        </Notice>
      )}
      {d.is === 'unclear' && (
        <Notice tone="warn" hint={t('cashier.unclearHint')}>
          {t('cashier.unclear')}
        </Notice>
      )}
      {why && (
        <Notice tone="bad" hint={why.hint}>
          {t('cashier.notTaken')} {why.text}
        </Notice>
      )}
      {d.is === 'refused' && (
        <Button onClick={onBack} className="min-h-12 w-full">
          {t('common.edit')}
        </Button>
      )}
      <Button look="main" onClick={onNext} className="min-h-14 w-full text-lg">
        {t('cashier.next')}
      </Button>
    </div>
  );
}
