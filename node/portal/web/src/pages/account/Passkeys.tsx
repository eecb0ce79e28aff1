import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { passkeys } from '@/api/identity';
import { addPasskey, canUsePasskeys } from '@/api/passkeys';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Loaded } from '@/ui/States';
import { useAttempt } from '@/ui/useAttempt';

export function Passkeys() {
  const { t } = useTranslation();
  const f = useFormats();
  const client = useQueryClient();
  const query = useQuery(passkeys);
  const attempt = useAttempt();
  const [naming, setNaming] = useState(false);
  const again = () => client.invalidateQueries({ queryKey: ['passkeys'] });
  const remove = (id: string) =>
    attempt(async () => {
      await command('DELETE', `/v1/me/passkeys/${encodeURIComponent(id)}`);
      await again();
    });
  const add = canUsePasskeys() && <Button onClick={() => setNaming(true)}>{t('account.addPasskey')}</Button>;
  return (
    <Card title={t('account.passkeys')} action={add}>
      {!canUsePasskeys() && <Notice tone="none">{t('account.noPasskeysHere')}</Notice>}
      <Loaded query={query}>
        {({ passkeys = [] }) =>
          passkeys.length === 0 ? (
            <p className="mt-2 text-sm text-soft">{t('account.passkeysNone')}</p>
          ) : (
            <ul className="divide-y divide-line">
              {passkeys.map((k) => (
                <li key={k.id} className="flex flex-wrap items-center gap-3 py-2.5 text-sm">
                  <KeyRound size={18} className="text-soft" aria-hidden />
                  <span className="min-w-0 grow">
                    <bdi className="font-medium">{k.name || k.id.slice(0, 8)}</bdi> {k.synced && <Badge>{t('account.synced')}</Badge>}
                    <span className="block text-xs text-soft">{k.used ? t('account.used', { when: f.ago(k.used) }) : t('account.made', { when: f.ago(k.made) })}</span>
                  </span>
                  <Confirm label={t('common.remove')} title={t('account.removePasskey')} text={t('account.removePasskeyText')} onConfirm={() => remove(k.id)} />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {naming && <NamePasskey onClose={() => setNaming(false)} onAdded={again} />}
    </Card>
  );
}

export function NamePasskey({ onClose, onAdded }: { onClose: () => void; onAdded: () => Promise<unknown> }) {
  const { t } = useTranslation();
  const add = async (data: FormData) => {
    await addPasskey(text(data, 'name'));
    await onAdded();
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('account.addPasskey')}>
      <Form submit={t('account.addPasskey')} onSubmit={add} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <Field label={t('account.passkeyName')} name="name" required maxLength={100} autoFocus help={t('account.passkeyNameHelp')} />
      </Form>
    </Dialog>
  );
}
