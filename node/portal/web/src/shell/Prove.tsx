import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { me, prove } from '@/api/identity';
import { canUsePasskeys, proveByPasskey } from '@/api/passkeys';
import type { Asked } from '@/api/proof';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { useSentence } from '@/ui/useSentence';

/** Prove asks who is there, where the node wants a better or fresher proof; then what was asked for is done. */
export default function Prove({ needs, text: why, done }: Asked) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const who = useQuery({ ...me, enabled: false }).data?.person;
  const proven = async () => {
    await client.refetchQueries({ queryKey: ['me'] });
    done(true);
  };
  const byPassword = async (data: FormData) => {
    await prove({ password: String(data.get('password')), code: text(data, 'code') });
    await proven();
  };
  const keys = Boolean(who?.passkeys);
  // A password alone is one proof, however often it is typed.
  const password = Boolean(who?.hasPassword) && (needs !== 'second-factor' || Boolean(who?.hasTotp));
  const cancel = <Button onClick={() => done(false)}>{t('common.cancel')}</Button>;
  return (
    <Dialog open onClose={() => done(false)} title={t('account.prove')}>
      <div className="space-y-5">
        <p className="text-sm text-soft">{t('account.proveLead')}</p>
        {keys && canUsePasskeys() && <ByPasskey onDone={proven} />}
        {password && (
          <Form submit={t('account.proveGo')} onSubmit={byPassword} extra={cancel}>
            <Field label={t('signin.password')} name="password" type="password" required autoFocus={!keys} autoComplete="current-password" maxLength={1024} />
            {who?.hasTotp && <Field label={t('signin.code')} name="code" latin required inputMode="numeric" autoComplete="one-time-code" maxLength={200} />}
          </Form>
        )}
        {!password && !keys && <Notice tone="warn">{why}</Notice>}
        {!password && keys && !canUsePasskeys() && <Notice tone="warn">{t('account.noPasskeysHere')}</Notice>}
        {!password && <div className="flex justify-end">{cancel}</div>}
      </div>
    </Dialog>
  );
}

function ByPasskey({ onDone }: { onDone: () => Promise<void> }) {
  const { t } = useTranslation();
  const sentence = useSentence();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const go = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await proveByPasskey();
      await onDone();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="space-y-3">
      <Button look="main" className="min-h-12 w-full" busy={busy} onClick={() => void go()}>
        <KeyRound size={18} aria-hidden />
        {t('signin.passkey')}
      </Button>
      {error !== undefined && <Notice tone="bad">{sentence(error).text}</Notice>}
    </div>
  );
}
