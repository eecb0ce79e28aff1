import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { newId } from '@/api/money/id';
import { type ZakatCase, asnaf, casePath } from '@/api/zakat';
import { Notice } from '@/ui/Badge';
import { Card } from '@/ui/Card';
import { Check, Select } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Money, MoneyField, useAmount } from '@/ui/Money';
import { useDone, useTreasury } from './Frame';
import { Choice } from './Plot';
import { AccountField, ReasonField, isDesk, useAccounts } from './fields';

/** CaseSteps is what can be done next, or who has to do it. Who applied or looked into it does not decide it. */
export function CaseSteps({ c }: { c: ZakatCase }) {
  const { t } = useTranslation();
  const { id, may, away } = useTreasury();
  const state = c.state ?? 'CASE_APPLIED';
  const mine = c.assessedBy === id || c.appliedBy === id;
  if (away || !['CASE_APPLIED', 'CASE_ASSESSED', 'CASE_APPROVED'].includes(state)) return null;
  if (c.person === id) return <Notice tone="none">{t('treasury.yourCase')}</Notice>;
  if (state === 'CASE_APPROVED') return may('wallet.desk') ? <Pay key={c.paid} c={c} /> : null;
  return (
    <>
      {state === 'CASE_ASSESSED' && (mine ? <Notice tone="none">{t(c.assessedBy === id ? 'treasury.youAssessed' : 'treasury.youApplied')}</Notice> : may('zakat.decide') && <Decide c={c} />)}
      {may('zakat.assess') && (state === 'CASE_APPLIED' || mine) && <Assess key={c.assessed} c={c} />}
    </>
  );
}

function Assess({ c }: { c: ZakatCase }) {
  const { t } = useTranslation();
  const done = useDone();
  const amount = useAmount(c.asset ?? '');
  const send = async (d: FormData) => {
    if (!amount.minor) return;
    await command('POST', `${casePath(c.id)}:assess`, { category: text(d, 'category'), amount: amount.minor, notes: text(d, 'notes'), building: d.get('building') !== null });
    done(t('treasury.assessed'));
  };
  return (
    <Card title={t(c.assessedBy ? 'treasury.assessAgain' : 'treasury.assess')}>
      <Form submit={t('treasury.assessSend')} onSubmit={send}>
        <Select label={t('treasury.category')} name="category" required defaultValue={c.category ?? ''} help={t('treasury.categoryHelp')}>
          <option value="">{t('treasury.choose')}</option>
          {asnaf.map((a) => (
            <option key={a} value={a}>
              {t(`asnaf.${a}`)}
            </option>
          ))}
        </Select>
        <MoneyField label={t('treasury.recommended')} asset={c.asset ?? ''} value={amount.typed} onChange={amount.setTyped} />
        <ReasonField label={t('treasury.notes')} name="notes" max={2000} optional help={t('treasury.notesHelp')} value={c.notes} />
        <Check label={t('treasury.building')} name="building" defaultChecked={c.building} />
      </Form>
    </Card>
  );
}

const answers = ['yes', 'no'] as const;

function Decide({ c }: { c: ZakatCase }) {
  const { t } = useTranslation();
  const done = useDone();
  const amount = useAmount(c.asset ?? '');
  const [answer, setAnswer] = useState<(typeof answers)[number]>('yes');
  const approve = answer === 'yes';
  const send = async (d: FormData) => {
    if (approve && amount.typed && !amount.minor) return;
    await command('POST', `${casePath(c.id)}:decide`, { approve, amount: approve ? amount.minor : undefined, reason: text(d, 'reason') });
    done(t(approve ? 'treasury.caseApproved' : 'treasury.caseDeclined'));
  };
  return (
    <Card title={t('treasury.decide')}>
      <div className="mb-3">
        <Choice label={t('treasury.decide')} all={answers} one={answer} onChoose={setAnswer} say={(a) => t(a === 'yes' ? 'treasury.grant' : 'treasury.decline')} />
      </div>
      <Form submit={t(approve ? 'treasury.grant' : 'treasury.decline')} onSubmit={send}>
        {approve && <MoneyField label={t('treasury.granted')} asset={c.asset ?? ''} value={amount.typed} onChange={amount.setTyped} optional help={t('treasury.grantHelp')} />}
        <ReasonField label={t('treasury.reason')} max={1000} />
      </Form>
    </Card>
  );
}

function Pay({ c }: { c: ZakatCase }) {
  const { t } = useTranslation();
  const done = useDone();
  const amount = useAmount(c.asset ?? '');
  const [id] = useState(newId); // of this payment, however often it is asked for
  const own = useAccounts({ owner: c.person, kind: 'MEMBER' });
  const desks = useAccounts({ fund: 'zakat' }).filter(isDesk);
  const list = [...desks, ...own].filter((a) => a.asset === c.asset);
  const left = BigInt(c.approved || 0) - BigInt(c.paid || 0);
  const send = async (d: FormData) => {
    if (amount.typed && !amount.minor) return;
    await command('POST', `${casePath(c.id)}:grant`, { id, account: text(d, 'account'), amount: amount.minor });
    done(t('treasury.paidOut'));
  };
  return (
    <Card title={t('treasury.pay')}>
      <p className="mb-3 text-sm">
        {t('treasury.left')} <Money minor={String(left)} asset={c.asset} className="font-semibold" />
      </p>
      <Form submit={t('treasury.pay')} onSubmit={send}>
        <AccountField label={t('treasury.payFrom')} name="account" list={list} defaultValue="" help={t('treasury.payFromHelp')} />
        <MoneyField label={t('treasury.amount')} asset={c.asset ?? ''} value={amount.typed} onChange={amount.setTyped} optional help={t('treasury.payHelp')} />
      </Form>
    </Card>
  );
}
