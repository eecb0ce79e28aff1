import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Qr } from '@/ui/Secret';
import { Loaded } from '@/ui/States';
import { RecoveryCodes } from './RecoveryCodes';

/** The secret counts once a code of it was typed back, so that nobody locks themselves out by a bad photo. */
export function TotpSetup({ onDone, onCancel }: { onDone: () => void; onCancel: () => void }) {
  const { t } = useTranslation();
  const [codes, setCodes] = useState<string[]>();
  const begun = useQuery({
    queryKey: ['totp', 'begin'],
    queryFn: () => command<{ secret?: string; uri?: string }>('POST', '/v1/me/totp/begin'),
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  const confirm = async (data: FormData) => {
    const made = await command<{ codes?: string[] }>('POST', '/v1/me/totp/confirm', { code: text(data, 'code') });
    setCodes(made.codes ?? []);
  };
  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  return (
    <Loaded query={begun} lines={6}>
      {({ secret = '', uri = '' }) => (
        <div className="space-y-4">
          <p className="text-sm text-soft">{t('account.scan')}</p>
          <Qr value={uri} label={t('account.scan')} />
          <p className="text-sm">
            {t('account.orType')} <code className="latin block break-all select-all">{secret}</code>
          </p>
          <Form submit={t('account.confirmTotp')} onSubmit={confirm} extra={<Button onClick={onCancel}>{t('common.cancel')}</Button>}>
            <Field label={t('signin.code')} name="code" latin required inputMode="numeric" autoComplete="one-time-code" maxLength={10} />
          </Form>
        </div>
      )}
    </Loaded>
  );
}
