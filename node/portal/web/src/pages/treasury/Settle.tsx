import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { newId } from '@/api/money/id';
import type { Account } from '@/api/money/ledger';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Form } from '@/ui/Form';
import { Money, MoneyField, useAmount } from '@/ui/Money';
import { useDone, useTreasury } from './Frame';
import { AccountField, isDesk, useAccounts } from './fields';

/**
 * What moved between two funds on paper is carried from drawer to drawer later. Until then a fund's money lies in another's
 * drawer: here it is said, and written down that somebody carried it.
 */
export function Carried({ fund }: { fund: string }) {
  const { t } = useTranslation();
  const { may, away } = useTreasury();
  const [carrying, setCarrying] = useState<Account>();
  const list = useAccounts({ fund, kind: 'TRANSIT' }, may('wallet.read')).filter((a) => (a.balance?.posted ?? '0') !== '0');
  return (
    <>
      {list.map((a) => {
        const owes = !a.balance!.posted!.startsWith('-');
        return (
          <div key={a.id} className="mt-2 flex flex-wrap items-center justify-between gap-x-4 gap-y-2 rounded-lg bg-raised px-3 py-2 text-sm">
            <p>
              {t(owes ? 'treasury.liesHere' : 'treasury.liesThere')} <Money minor={a.balance!.posted!.replace('-', '')} asset={a.asset} className="font-medium" />
            </p>
            {owes && may('wallet.desk') && (
              <Button disabled={away} onClick={() => setCarrying(a)}>
                {t('treasury.carry')}
              </Button>
            )}
          </div>
        );
      })}
      {carrying && <Carry of={carrying} onClose={() => setCarrying(undefined)} />}
    </>
  );
}

function Carry({ of, onClose }: { of: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const [id] = useState(newId);
  const [ends, setEnds] = useState({ from: '', to: '' });
  const desks = useAccounts({ asset: of.asset }).filter(isDesk);
  const amount = useAmount(of.asset ?? '');
  const send = async () => {
    if (!amount.minor) return;
    await command('POST', '/v1/wallet/settlements', { id, ...ends, amount: amount.minor });
    done(t('treasury.carried'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.carry')}>
      <Form submit={t('treasury.carry')} onSubmit={send} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <p className="text-sm text-soft">{t('treasury.carryLead')}</p>
        <AccountField label={t('treasury.from')} list={desks.filter((a) => a.fund === of.fund)} value={ends.from} onChange={(e) => setEnds({ ...ends, from: e.target.value })} />
        <AccountField label={t('treasury.to')} list={desks.filter((a) => a.fund !== of.fund)} value={ends.to} onChange={(e) => setEnds({ ...ends, to: e.target.value })} />
        <MoneyField label={t('treasury.amount')} asset={of.asset ?? ''} value={amount.typed} onChange={amount.setTyped} />
      </Form>
    </Dialog>
  );
}
