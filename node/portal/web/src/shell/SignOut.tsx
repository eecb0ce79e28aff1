import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { forget } from '@/api/db';
import { reader } from '@/api/http';
import { forgetUser, signIn } from '@/api/identity';
import { outbox } from '@/api/outbox';
import { Problem } from '@/api/problem';
import { renew } from '@/api/rpc';
import { useStore } from '@/api/store';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { toast } from '@/ui/toast';
import { useSentence } from '@/ui/useSentence';

/**
 * SignOut ends the session at the node first: a session that goes on while the page says otherwise would be a lie.
 * Then it empties what this browser kept of the person.
 */
export function SignOut() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const go = useNavigate();
  const sentence = useSentence();
  const waiting = useStore(outbox).length;
  const out = async () => {
    try {
      await signIn.out();
    } catch (e) {
      // A session that has ended already is what was asked for.
      if (!(e instanceof Problem && e.status === 401)) return toast({ tone: 'bad', ...sentence(e) });
    }
    await forget(reader.user).catch(() => {});
    forgetUser();
    outbox.set([]);
    // The page goes first: what is on show would ask the node again, as nobody.
    await go({ to: '/sign-in' });
    client.clear();
    renew();
  };
  if (waiting === 0) return <Button onClick={() => void out()}>{t('menu.signOut')}</Button>;
  return <Confirm label={t('menu.signOut')} title={t('menu.signOut')} text={t('menu.signOutWaiting', { count: waiting })} onConfirm={out} />;
}
