import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type SignedIn, me, signIn } from '@/api/identity';
import { welcome } from '@/api/node';
import { replay } from '@/api/outbox';
import { renew } from '@/api/rpc';
import { canUsePasskeys, signInWithPasskey } from '@/api/passkeys';
import { LanguageChoice } from '@/shell/Preferences';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Check, Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Solo } from '@/ui/Page';
import { useSentence } from '@/ui/useSentence';
import { CodeStep } from './CodeStep';

export default function SignIn() {
  const { t } = useTranslation();
  const site = useQuery(welcome).data;
  const [ticket, setTicket] = useState('');
  const enter = useEnter();
  const done = (s: SignedIn) => (s.needs ? setTicket(s.ticket ?? '') : enter());
  const lead = site?.siteName || site?.site;
  return (
    <Solo title={t(ticket ? 'signin.codeTitle' : 'signin.title')} lead={lead && <bdi>{lead}</bdi>}>
      {ticket ? (
        <CodeStep ticket={ticket} onDone={done} onBack={() => setTicket('')} />
      ) : (
        <>
          <Proofs onDone={done} />
          <div className="mt-8 space-y-3 border-t border-line pt-5">
            <LanguageChoice />
            <p className="text-sm text-soft">
              {t('signin.lost')}{' '}
              <Link to="/install" className="font-medium text-accent hover:underline">
                {t('signin.install')}
              </Link>
            </p>
          </div>
        </>
      )}
    </Solo>
  );
}

/** useEnter goes on to where the person was going. */
export function useEnter() {
  const client = useQueryClient();
  const go = useNavigate();
  const { next } = useSearch({ strict: false }) as { next?: string };
  return async () => {
    client.clear();
    renew();
    await client.fetchQuery(me);
    void replay(); // what waited for this person goes now
    if (next?.startsWith('/oauth/')) return window.location.assign(next); // a program waits there, and no page of this app
    await go({ href: next ?? '/', replace: true });
  };
}

/** The passkey first: one touch, nothing to remember, nothing to be tricked out of. */
function Proofs({ onDone }: { onDone: (s: SignedIn) => void | Promise<void> }) {
  const { t } = useTranslation();
  const sentence = useSentence();
  const [brief, setBrief] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const passkey = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await onDone(await signInWithPasskey(brief));
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  const password = async (data: FormData) => onDone(await signIn.password(text(data, 'login'), String(data.get('password')), brief));
  return (
    <div className="space-y-5">
      {canUsePasskeys() && (
        <>
          <Button look="main" className="min-h-12 w-full" busy={busy} onClick={() => void passkey()}>
            <KeyRound size={18} aria-hidden />
            {t('signin.passkey')}
          </Button>
          {error !== undefined && <Notice tone="bad">{sentence(error).text}</Notice>}
          <p className="flex items-center gap-3 text-xs text-soft before:h-px before:grow before:bg-line after:h-px after:grow after:bg-line">{t('signin.or')}</p>
        </>
      )}
      <Form submit={t('signin.enter')} onSubmit={password}>
        <Field label={t('signin.login')} name="login" latin required autoComplete="username webauthn" maxLength={256} />
        <Field label={t('signin.password')} name="password" type="password" required autoComplete="current-password" maxLength={1024} />
        <Check label={t('signin.brief')} help={t('signin.briefHelp')} checked={brief} onChange={(e) => setBrief(e.target.checked)} />
      </Form>
    </div>
  );
}
