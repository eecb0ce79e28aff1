import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type SignedIn, signIn } from '@/api/identity';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';

interface Props {
  ticket: string;
  onDone: (s: SignedIn) => void | Promise<void>;
  onBack: () => void;
}

/** The second proof: six digits from the app, or one of the codes on paper where the phone is lost. */
export function CodeStep({ ticket, onDone, onBack }: Props) {
  const { t } = useTranslation();
  const [paper, setPaper] = useState(false);
  const send = async (data: FormData) => onDone(await signIn.code(ticket, text(data, 'code')));
  return (
    <div className="space-y-5">
      <Form submit={t('signin.enter')} onSubmit={send} extra={<Button onClick={onBack}>{t('common.back')}</Button>}>
        {paper ? (
          <Field key="paper" label={t('signin.recovery')} name="code" latin required autoFocus autoComplete="off" maxLength={200} help={t('signin.recoveryHelp')} />
        ) : (
          <Field key="app" label={t('signin.code')} name="code" latin required autoFocus inputMode="numeric" autoComplete="one-time-code" maxLength={10} help={t('signin.codeHelp')} />
        )}
      </Form>
      <Button look="quiet" onClick={() => setPaper(!paper)}>
        {t(paper ? 'signin.useApp' : 'signin.useRecovery')}
      </Button>
    </div>
  );
}
