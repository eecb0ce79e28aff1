import { KeyRound, Smartphone } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { addPasskey, canUsePasskeys } from '@/api/passkeys';
import { TotpSetup } from '@/pages/account/TotpSetup';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Notice } from '@/ui/Badge';

/** A password alone can be seen over a shoulder. One of two better proofs, or both later in the account. */
export function ProofStep({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const [way, setWay] = useState<'passkey' | 'totp'>();
  const back = () => setWay(undefined);
  if (way === 'totp') return <TotpSetup onDone={onDone} onCancel={back} />;
  if (way === 'passkey') {
    const add = async (d: FormData) => {
      await addPasskey(text(d, 'name'));
      onDone();
    };
    return (
      <Form submit={t('account.addPasskey')} onSubmit={add} extra={<Button onClick={back}>{t('common.back')}</Button>}>
        <Field label={t('account.passkeyName')} name="name" required maxLength={100} autoFocus help={t('account.passkeyNameHelp')} />
      </Form>
    );
  }
  return (
    <div className="space-y-3">
      {canUsePasskeys() ? (
        <Button look="main" className="min-h-12 w-full" onClick={() => setWay('passkey')}>
          <KeyRound size={18} aria-hidden />
          {t('account.addPasskey')}
        </Button>
      ) : (
        <Notice tone="none">{t('account.noPasskeysHere')}</Notice>
      )}
      <Button className="min-h-12 w-full" onClick={() => setWay('totp')}>
        <Smartphone size={18} aria-hidden />
        {t('account.addTotp')}
      </Button>
      <div className="flex justify-end">
        <Button look="quiet" onClick={onDone}>
          {t('setup.later')}
        </Button>
      </div>
    </div>
  );
}
