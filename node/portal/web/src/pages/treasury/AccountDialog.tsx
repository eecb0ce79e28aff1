import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { Account } from '@/api/money/ledger';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Money } from '@/ui/Money';
import { useDone } from './Frame';
import { Who } from './Who';
import { Choice } from './Plot';
import { ReasonField, stands, useAccountName } from './fields';

type Act = 'name' | 'freeze' | 'unfreeze' | 'close';

/** What can be done with an account: another name, freezing it and back, closing it for ever. */
export function AccountDialog({ account: a, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const name = useAccountName();
  const done = useDone();
  const acts: Act[] = ['name', a.state === 'FROZEN' ? 'unfreeze' : 'freeze', 'close'];
  const [act, setAct] = useState<Act>('name');
  const path = `/v1/wallet/accounts/${encodeURIComponent(a.id)}`;
  const go = async (d: FormData) => {
    if (act === 'name') await command('PATCH', path, { name: text(d, 'name'), ifVersion: a.version });
    else await command('POST', `${path}/${act}`, act === 'close' ? {} : { reason: text(d, 'reason') });
    done(t(`treasury.did_${act}`));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={name(a)}>
      <Facts
        rows={[
          [t('treasury.there'), <Money minor={stands(a)} asset={a.asset} />],
          ...(a.owner ? ([[t('treasury.owner'), <Who id={a.owner} />]] as [string, React.ReactNode][]) : []),
          [t('treasury.number'), <bdi className="latin font-mono text-xs break-all">{a.id}</bdi>],
        ]}
      />
      <div className="mt-3 mb-4">
        <Choice label={t('treasury.act')} all={acts} one={act} onChoose={setAct} say={(x) => t(`treasury.act_${x}`)} />
      </div>
      <Form key={act} submit={t(`treasury.act_${act}`)} onSubmit={go} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        {act === 'name' && <Field label={t('treasury.accountName')} name="name" required maxLength={80} defaultValue={a.name} />}
        {act === 'close' && <Notice tone="warn">{t('treasury.closeText')}</Notice>}
        {(act === 'freeze' || act === 'unfreeze') && (
          <>
            <p className="text-sm text-soft">{t(act === 'freeze' ? 'treasury.freezeText' : 'treasury.unfreezeText')}</p>
            <ReasonField label={t('treasury.reason')} max={200} />
          </>
        )}
      </Form>
    </Dialog>
  );
}
