import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { useCommand } from '@/api/useCommand';
import { type Delivery, type IssuedWebhook, type Webhook, webhookPath } from '@/api/webhooks';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { Dialog } from '@/ui/Dialog';
import { Form } from '@/ui/Form';
import { useAttempt } from '@/ui/useAttempt';
import { WebhookSecret } from './CreateWebhook';
import { WebhookFields, webhookOf } from './WebhookFields';
import { hostOf, useWebhookWords } from './words';

export function WebhookActions({ webhook: w }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const client = useQueryClient();
  const send = useCommand();
  const attempt = useAttempt();
  const [open, setOpen] = useState<'edit' | IssuedWebhook>();
  const path = webhookPath(w.id);
  const name = w.description || hostOf(w);
  const values = { name };
  const again = () => void client.invalidateQueries({ queryKey: ['webhooks'] });
  const change = async (d: FormData) => {
    const { types, ...rest } = webhookOf(d);
    await command('PATCH', path, { ...rest, types: { types } });
    again();
    setOpen(undefined);
  };
  const rotate = () =>
    attempt(async () => {
      setOpen(await command<IssuedWebhook>('POST', `${path}/rotate`));
      again();
    });
  const remove = () => send({ method: 'DELETE', path, label: 'webhook.removing', values }, t('webhook.removed', values), () => go({ to: '/webhooks' }));
  const turn = (verb: 'enable' | 'disable') => send({ method: 'POST', path: `${path}/${verb}`, label: verb === 'enable' ? 'webhook.enabling' : 'webhook.disabling', values }, t('common.saved'));
  return (
    <div className="mt-4 flex flex-wrap gap-2 border-t border-line pt-4">
      <Test path={path} onDone={again} />
      <Button onClick={() => setOpen('edit')}>{t('common.edit')}</Button>
      {w.disabled ? (
        <Button look="main" onClick={() => void turn('enable')}>
          {t('webhook.enable')}
        </Button>
      ) : (
        <Confirm danger={false} label={t('webhook.disable')} title={t('webhook.disableTitle', values)} text={t('webhook.disableText')} onConfirm={() => turn('disable')} />
      )}
      <Confirm danger={false} label={t('webhook.rotate')} title={t('webhook.rotateTitle', values)} text={t('webhook.rotateText')} onConfirm={rotate} />
      <Confirm label={t('common.remove')} title={t('webhook.removeTitle', values)} text={t('webhook.removeText')} onConfirm={remove} />
      {open === 'edit' && (
        <Dialog open onClose={() => setOpen(undefined)} title={name}>
          <Form submit={t('common.save')} onSubmit={change} extra={<Button onClick={() => setOpen(undefined)}>{t('common.cancel')}</Button>}>
            <WebhookFields webhook={w} />
          </Form>
        </Dialog>
      )}
      {typeof open === 'object' && (
        <Dialog open fixed onClose={() => setOpen(undefined)} title={t('webhook.rotate')}>
          <WebhookSecret rotated secret={open.secret} onDone={() => setOpen(undefined)} />
        </Dialog>
      )}
    </div>
  );
}

/** A test is sent at once and tells what came of it; it changes nothing at the receiver that knows its type. */
function Test({ path, onDone }: { path: string; onDone: () => void }) {
  const { t } = useTranslation();
  const attempt = useAttempt();
  const words = useWebhookWords();
  const [busy, setBusy] = useState(false);
  const [came, setCame] = useState<Delivery>();
  const test = async () => {
    setBusy(true);
    await attempt(async () => setCame(await command<Delivery>('POST', `${path}/test`)));
    setBusy(false);
    onDone();
  };
  return (
    <>
      <Button busy={busy} onClick={() => void test()}>
        {t('webhook.test')}
      </Button>
      {came && (
        <Dialog open onClose={() => setCame(undefined)} title={t('webhook.test')}>
          <Notice tone={came.outcome === 'delivered' ? 'good' : 'bad'} hint={<bdi lang="en">{[came.error, came.response].filter(Boolean).join(' · ')}</bdi>}>
            {came.outcome === 'delivered' ? t('webhook.testGood', { status: came.status, ms: Math.round(came.tookMs ?? 0) }) : words.why(came)}
          </Notice>
          <div className="mt-4 flex justify-end">
            <Button look="main" onClick={() => setCame(undefined)}>
              {t('common.close')}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
