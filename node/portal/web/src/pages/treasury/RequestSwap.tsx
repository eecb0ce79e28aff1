import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Release } from '@/api/compliance';
import { command } from '@/api/http';
import { newId } from '@/api/money/id';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Form, text } from '@/ui/Form';
import { MoneyField, useAmount } from '@/ui/Money';
import { DocumentField } from './DocumentField';
import { useDone } from './Frame';
import { AccountField, AssetField, ReasonField, isDesk, useAccounts, useUsual } from './fields';

/** Asks for what a waqf consists of to be swapped for something of at least its value (istibdal). */
export function RequestSwap({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const all = useAccounts().filter((a) => isDesk(a) && a.fund?.startsWith('waqf_corpus:'));
  const usual = useUsual();
  const [id] = useState(newId);
  const [ends, setEnds] = useState({ from: '', to: '' });
  const [document, setDocument] = useState('');
  const [chosen, setMeasure] = useState<string>();
  const measure = chosen ?? usual;
  const from = all.find((a) => a.id === ends.from);
  const to = all.find((a) => a.id === ends.to);
  const [out, back] = [useAmount(from?.asset ?? ''), useAmount(to?.asset ?? '')];
  const [worthOut, worthBack] = [useAmount(measure), useAmount(measure)];
  const send = async (d: FormData) => {
    if (!out.minor || !back.minor || !worthOut.minor || !worthBack.minor || !document) return;
    await command<Release>('POST', '/v1/wallet/compliance/istibdal', {
      id, fromAccount: ends.from, amount: out.minor, toAccount: ends.to, amountIn: back.minor, valueOut: worthOut.minor, valueIn: worthBack.minor, reason: text(d, 'reason'), document,
    });
    done(t('treasury.releaseAsked'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.swapNew')}>
      <Form submit={t('treasury.ask')} onSubmit={send} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <p className="text-sm text-soft">{t(all.length ? 'treasury.swapLead' : 'treasury.swapNone')}</p>
        <AccountField label={t('treasury.swapGives')} list={all} value={ends.from} onChange={(e) => setEnds({ from: e.target.value, to: '' })} />
        {from && <MoneyField label={t('treasury.amount')} asset={from.asset ?? ''} value={out.typed} onChange={out.setTyped} />}
        <AccountField label={t('treasury.swapGets')} list={all.filter((a) => from && a.fund === from.fund && a.asset !== from.asset)} value={ends.to} onChange={(e) => setEnds({ ...ends, to: e.target.value })} disabled={!from} />
        {to && <MoneyField label={t('treasury.amount')} asset={to.asset ?? ''} value={back.typed} onChange={back.setTyped} />}
        <AssetField label={t('treasury.swapMeasure')} value={measure} onChange={setMeasure} />
        <MoneyField label={t('treasury.swapWorthGives')} asset={measure} value={worthOut.typed} onChange={worthOut.setTyped} />
        <MoneyField label={t('treasury.swapWorthGets')} asset={measure} value={worthBack.typed} onChange={worthBack.setTyped} />
        <ReasonField label={t('treasury.reason')} />
        <DocumentField label={t('treasury.valuation')} onDigest={setDocument} />
      </Form>
    </Dialog>
  );
}
