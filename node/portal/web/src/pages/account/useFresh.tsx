import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { me, prove } from '@/api/identity';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { toast } from '@/ui/toast';
import { useSentence } from '@/ui/useSentence';

/** The node wants a proof not older than ten minutes; we ask a minute earlier, for a form takes time to fill in. */
const good = 9 * 60_000;

/** useFresh runs what changes somebody's proofs, after they have proven once more who they are, where that is due. */
export function useFresh(): { fresh: (action: () => Promise<unknown>) => void; dialog: ReactNode } {
  const { t } = useTranslation();
  const client = useQueryClient();
  const sentence = useSentence();
  const who = useQuery({ ...me, enabled: false }).data;
  const [asking, setAsking] = useState(false);
  const waiting = useRef<() => Promise<unknown>>(undefined);
  const run = (action: () => Promise<unknown>) => void action().catch((e: unknown) => toast({ tone: 'bad', ...sentence(e) }));
  const fresh = (action: () => Promise<unknown>) => {
    if (who?.since && Date.now() - Date.parse(who.since) < good) return run(action);
    waiting.current = action;
    setAsking(true);
  };
  const send = async (data: FormData) => {
    await prove(String(data.get('password')), text(data, 'code'));
    await client.refetchQueries({ queryKey: ['me'] });
    setAsking(false);
    if (waiting.current) run(waiting.current);
  };
  const dialog = asking && (
    <Dialog open onClose={() => setAsking(false)} title={t('account.prove')}>
      <Form submit={t('account.proveGo')} onSubmit={send} extra={<Button onClick={() => setAsking(false)}>{t('common.cancel')}</Button>}>
        <p className="text-sm text-soft">{t('account.proveLead')}</p>
        <Field label={t('signin.password')} name="password" type="password" required autoFocus autoComplete="current-password" />
        {who?.person?.hasTotp && <Field label={t('signin.code')} name="code" latin required inputMode="numeric" autoComplete="one-time-code" />}
      </Form>
    </Dialog>
  );
  return { fresh, dialog };
}
