import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { newId } from '@/api/money/id';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { MoneyField, useAmount } from '@/ui/Money';
import { useDone } from './Frame';
import { AssetField, PersonField, ReasonField, useUsual } from './fields';

/** Writes an application down for somebody who came to the desk. */
export function Apply({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const usual = useUsual();
  const [id] = useState(newId);
  const [chosen, setAsset] = useState<string>();
  const asset = chosen ?? usual;
  const need = useAmount(asset);
  const send = async (d: FormData) => {
    if (!need.minor) return;
    await command('POST', '/v1/wallet/zakat/cases', { id, person: text(d, 'person'), asset, need: need.minor, household: Number(text(d, 'household') || 1), reason: text(d, 'reason') });
    done(t('treasury.applied'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.apply')}>
      <Form submit={t('treasury.apply')} onSubmit={send} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <PersonField label={t('treasury.applicant')} />
        <AssetField label={t('treasury.asset')} value={asset} onChange={setAsset} />
        <MoneyField label={t('treasury.need')} asset={asset} value={need.typed} onChange={need.setTyped} />
        <Field label={t('treasury.household')} name="household" type="number" inputMode="numeric" min={1} max={100} defaultValue={1} required />
        <ReasonField label={t('treasury.why')} max={2000} help={t('treasury.whyHelp')} />
      </Form>
    </Dialog>
  );
}
