import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Release } from '@/api/compliance';
import { command } from '@/api/http';
import { newId } from '@/api/money/id';
import { funds } from '@/api/funds';
import type { Account } from '@/api/money/ledger';
import { asnaf } from '@/api/zakat';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field, Select } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { MoneyField, useAmount } from '@/ui/Money';
import { useKind } from '../funds/useKind';
import { DocumentField } from './DocumentField';
import { useDone } from './Frame';
import { AccountField, ReasonField, isDesk, useAccounts } from './fields';

/** Asks for money to go from one fund to another, or to a member. It goes once others have approved. */
export function RequestRelease({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const all = useAccounts();
  const [id] = useState(newId); // of every attempt: a request whose answer was lost is made once
  const [ends, setEnds] = useState({ from: '', to: '' });
  const [document, setDocument] = useState('');
  const from = all.find((a) => a.id === ends.from);
  const to = all.find((a) => a.id === ends.to);
  const amount = useAmount(from?.asset ?? '');
  const send = async (d: FormData) => {
    if (!amount.minor || !document) return;
    await command<Release>('POST', '/v1/wallet/compliance/releases', {
      id, fromAccount: ends.from, toAccount: ends.to, cashAccount: text(d, 'cash'), amount: amount.minor, purpose: text(d, 'purpose'), reason: text(d, 'reason'), document, category: text(d, 'category'), beneficiary: text(d, 'beneficiary'),
    });
    done(t('treasury.releaseAsked'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.releaseNew')}>
      <Form submit={t('treasury.ask')} onSubmit={send} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <p className="text-sm text-soft">{t('treasury.releaseLead')}</p>
        <AccountField label={t('treasury.from')} list={all.filter(isDesk)} value={ends.from} onChange={(e) => setEnds({ from: e.target.value, to: '' })} />
        {from && <Use fund={from.fund ?? ''} />}
        <AccountField label={t('treasury.to')} list={all.filter((a) => from && goesTo(from, a))} value={ends.to} onChange={(e) => setEnds({ ...ends, to: e.target.value })} disabled={!from} />
        {to?.kind === 'MEMBER' && <AccountField label={t('treasury.cash')} name="cash" defaultValue="" list={all.filter((a) => isDesk(a) && a.fund === to.fund && a.asset === to.asset)} help={t('treasury.cashHelp')} />}
        {from && <MoneyField label={t('treasury.amount')} asset={from.asset ?? ''} value={amount.typed} onChange={amount.setTyped} />}
        {from && <Purpose fund={from.fund ?? ''} />}
        <ReasonField label={t('treasury.reason')} help={t('treasury.reasonHelp')} />
        <DocumentField label={t('treasury.document')} onDigest={setDocument} />
      </Form>
    </Dialog>
  );
}

/** Money goes to a desk of another fund, or to somebody, of the same currency. */
const goesTo = (from: Account, a: Account) => a.asset === from.asset && a.fund !== from.fund && (isDesk(a) || a.kind === 'MEMBER');

function Use({ fund }: { fund: string }) {
  const kind = useKind();
  return <Notice tone={kind.restricted(fund) ? 'warn' : 'none'}>{kind.use(fund)}</Notice>;
}

/** What it is for, where the fund names purposes; of zakat also to which of the eight it goes. */
function Purpose({ fund: id }: { fund: string }) {
  const { t } = useTranslation();
  const allowed = useQuery(funds).data?.funds?.find((f) => f.id === id)?.allowed ?? [];
  return (
    <>
      {allowed.length > 0 ? (
        <Select label={t('treasury.purpose')} name="purpose" required defaultValue="">
          <option value="">{t('treasury.choose')}</option>
          {allowed.map((a) => (
            <option key={a} value={a}>
              {a}
            </option>
          ))}
        </Select>
      ) : (
        <Field label={t('treasury.purpose')} name="purpose" latin maxLength={32} pattern="([a-z][a-z0-9_]*)?" help={t('treasury.purposeHelp')} />
      )}
      {id === 'zakat' && (
        <>
          <Select label={t('treasury.category')} name="category" required defaultValue="">
            <option value="">{t('treasury.choose')}</option>
            {asnaf.map((a) => (
              <option key={a} value={a}>
                {t(`asnaf.${a}`)}
              </option>
            ))}
          </Select>
          <Field label={t('treasury.beneficiary')} name="beneficiary" latin required maxLength={64} help={t('treasury.beneficiaryHelp')} />
        </>
      )}
    </>
  );
}
