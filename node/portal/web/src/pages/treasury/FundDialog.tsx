import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { Fund } from '@/api/funds';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Check, Field, Select } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { kinds, labelled, useKind } from '../funds/useKind';
import { GoalFields, useGoal } from './GoalFields';
import { useDone } from './Frame';
import { ReasonField } from './fields';
import { lastDay, midnight, words } from './times';

/** Opens a fund, or changes what is said of it. Its kind stays what it is: it decides what the money may be spent on. */
export function FundDialog({ fund: f, onClose }: { fund?: Fund; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const goal = useGoal(f?.goal, f?.goalAsset);
  const [kind, setKind] = useState<string>('general');
  const put = async (d: FormData) => {
    const id = f?.id ?? (labelled.includes(kind) ? `${kind}:${text(d, 'label')}` : kind);
    await command('POST', '/v1/wallet/funds', {
      id, name: text(d, 'name'), purpose: text(d, 'purpose'), public: d.get('public') !== null, restToGeneral: d.get('rest') !== null, ends: midnight(text(d, 'ends'), 1),
      allowed: words(text(d, 'allowed')), ...goal.values(), ifVersion: f?.version ?? '0',
    });
    done(t('treasury.fundSaved'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t(f ? 'treasury.fundChange' : 'treasury.fundNew')}>
      <Form submit={t('common.save')} onSubmit={put} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        {!f && <KindFields kind={kind} onKind={setKind} />}
        <Field label={t('treasury.fundName')} name="name" required maxLength={80} defaultValue={f?.name} />
        <ReasonField label={t('treasury.fundPurpose')} name="purpose" help={t('treasury.fundPurposeHelp')} optional value={f?.purpose} />
        <Check label={t('treasury.fundPublic')} name="public" help={t('treasury.fundPublicHelp')} defaultChecked={f?.public} />
        <GoalFields goal={goal} />
        <Field label={t('treasury.ends')} name="ends" type="date" help={t('treasury.endsHelp')} defaultValue={lastDay(f?.ends)} />
        <Check label={t('treasury.rest')} name="rest" help={t('treasury.restHelp')} defaultChecked={f?.restToGeneral} />
        <Field label={t('treasury.allowed')} name="allowed" latin help={t('treasury.allowedHelp')} defaultValue={f?.allowed?.join(', ')} />
      </Form>
    </Dialog>
  );
}

function KindFields({ kind, onKind }: { kind: string; onKind: (k: string) => void }) {
  const { t } = useTranslation();
  const say = useKind();
  return (
    <>
      <Select label={t('treasury.fundKind')} value={kind} onChange={(e) => onKind(e.target.value)} help={say.use(kind)}>
        {kinds.map((k) => (
          <option key={k} value={k}>
            {say.name(k)}
          </option>
        ))}
      </Select>
      {labelled.includes(kind) && <Field label={t('treasury.fundLabel')} name="label" latin required maxLength={40} pattern="[a-z0-9][a-z0-9\-]{0,39}" help={t('treasury.fundLabelHelp')} />}
    </>
  );
}
