import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { newId } from '@/api/money/id';
import { funds } from '@/api/funds';
import type { Account, AccountKind } from '@/api/money/ledger';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field, Select } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { useKind } from '../funds/useKind';
import { useDone } from './Frame';
import { AssetField, PersonField, useUsual } from './fields';

/** Kinds that people open; those of transfers between sites and of releases the ledger opens itself. */
const opened: AccountKind[] = ['MEMBER', 'CASH', 'BANK', 'INCOME', 'EXPENSE', 'PAYABLE', 'RECEIVABLE', 'EXCHANGE', 'EQUITY'];

export function OpenAccount({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const say = useKind();
  const usual = useUsual();
  const all = useQuery(funds).data?.funds ?? [];
  const [id] = useState(newId);
  const [kind, setKind] = useState<AccountKind>('MEMBER');
  const [chosen, setAsset] = useState<string>();
  const asset = chosen ?? usual;
  const open = async (d: FormData) => {
    await command<Account>('POST', '/v1/wallet/accounts', { id, kind, asset, fund: text(d, 'fund'), owner: text(d, 'person'), name: text(d, 'name') });
    done(t('treasury.accountOpened'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.accountNew')}>
      <Form submit={t('treasury.open')} onSubmit={open} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <Select label={t('treasury.accountKind')} value={kind} onChange={(e) => setKind(e.target.value as AccountKind)}>
          {opened.map((k) => (
            <option key={k} value={k}>
              {t(`accountKind.${k}`)}
            </option>
          ))}
        </Select>
        {kind === 'MEMBER' && <PersonField label={t('treasury.owner')} optional />}
        <Field label={t('treasury.accountName')} name="name" required maxLength={80} help={kind === 'MEMBER' ? t('treasury.accountNameHelp') : undefined} />
        <AssetField label={t('treasury.asset')} value={asset} onChange={setAsset} />
        {kind !== 'MEMBER' && (
          <Select label={t('treasury.fund')} name="fund" defaultValue="general">
            {all.map((f) => (
              <option key={f.id} value={f.id}>
                {f.name || say.name(f.id)}
              </option>
            ))}
          </Select>
        )}
      </Form>
    </Dialog>
  );
}
