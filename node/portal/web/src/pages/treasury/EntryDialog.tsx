import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { Account } from '@/api/money/ledger';
import { type BankEntry, entryPath, unmatched } from '@/api/reconcile';
import { useFormats } from '@/i18n/format';
import { Button } from '@/ui/Button';
import { Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Check } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Money } from '@/ui/Money';
import { useDone } from './Frame';
import { Choice } from './Plot';
import { AccountField, ReasonField, useAccounts } from './fields';
import { useDays } from '../funds/useDays';

const ways = ['transfers', 'book', 'ignore'] as const;

/** Says by hand what an entry of the bank stands for, that it stands for nothing, or takes back what was said. */
export function EntryDialog({ account, entry: e, onClose }: { account: Account; entry: BankEntry; onClose: () => void }) {
  const { t } = useTranslation();
  const days = useDays();
  const done = useDone();
  const [way, setWay] = useState<(typeof ways)[number]>('transfers');
  const said = e.state === 'ENTRY_MATCHED' || e.state === 'ENTRY_IGNORED';
  const send = async (d: FormData) => {
    const path = entryPath(e.id);
    if (said) await command('POST', `${path}:unmatch`);
    else if (way === 'ignore') await command('POST', `${path}:ignore`, { reason: text(d, 'reason') });
    else await command('POST', `${path}:match`, way === 'book' ? { book: text(d, 'book') } : { transfers: d.getAll('transfer').map(String) });
    done(t(said ? 'treasury.tookBack' : way === 'ignore' ? 'treasury.entryIgnored' : 'treasury.matched'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t(said ? 'treasury.takeBack' : 'treasury.entryElse')}>
      <Facts
        rows={[
          [days.date(e.booked), <Money minor={e.amount} asset={e.asset} plus />],
          ...([e.counterparty, e.remittance, e.reference].filter(Boolean).map((x, i) => [t((['treasury.counterparty', 'treasury.remittance', 'treasury.reference'] as const)[i] ?? 'treasury.reference'), <bdi>{x}</bdi>]) as [string, React.ReactNode][]),
        ]}
      />
      {said ? (
        <p className="my-3 text-sm text-soft">{t('treasury.takeBackText')}</p>
      ) : (
        <div className="my-3">
          <Choice label={t('treasury.act')} all={ways} one={way} onChoose={setWay} say={(w) => t(`treasury.way_${w}`)} />
        </div>
      )}
      <Form key={way} submit={t(said ? 'treasury.takeBack' : `treasury.way_${way}`)} onSubmit={send} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        {!said && way === 'transfers' && <Transfers account={account} />}
        {!said && way === 'book' && <Book account={account} />}
        {!said && way === 'ignore' && <ReasonField label={t('treasury.reason')} max={300} help={t('treasury.ignoreHelp')} />}
      </Form>
    </Dialog>
  );
}

/** What moved in the ledger and no entry stands for: together they must be what the bank booked. */
function Transfers({ account }: { account: Account }) {
  const { t } = useTranslation();
  const f = useFormats();
  const list = useQuery(unmatched(account.id, '')).data?.transfers ?? [];
  if (list.length === 0) return <p className="text-sm text-soft">{t('treasury.unmatchedNone')}</p>;
  return (
    <fieldset>
      <legend className="text-sm font-medium">{t('treasury.unmatched')}</legend>
      <div tabIndex={0} role="group" aria-label={t('treasury.unmatched')} className="mt-1 max-h-60 overflow-y-auto rounded-lg border border-line px-3 py-1">
        {list.map((x) => (
          <Check key={x.transfer} name="transfer" value={x.transfer} label={f.moment(x.time)} help={<><Money minor={x.amount} asset={account.asset} plus /> <bdi className="latin font-mono">{x.transfer.slice(-6)}</bdi></>} />
        ))}
      </div>
    </fieldset>
  );
}

/** Makes a transfer of the entry, with an account of the same currency and fund: fees, or a gift that came by itself. */
function Book({ account }: { account: Account }) {
  const { t } = useTranslation();
  const list = useAccounts({ fund: account.fund }).filter((a) => a.asset === account.asset && a.id !== account.id);
  return <AccountField label={t('treasury.bookWith')} name="book" defaultValue="" list={list} help={t('treasury.bookHelp')} />;
}
