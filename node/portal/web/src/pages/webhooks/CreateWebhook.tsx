import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { IssuedWebhook } from '@/api/webhooks';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Form } from '@/ui/Form';
import { Secret } from '@/ui/Secret';
import { WebhookFields, webhookOf } from './WebhookFields';

export function CreateWebhook({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [made, setMade] = useState<IssuedWebhook>();
  const make = async (d: FormData) => {
    setMade(await command<IssuedWebhook>('POST', '/v1/webhooks', webhookOf(d)));
    void client.invalidateQueries({ queryKey: ['webhooks'] });
  };
  return (
    <Dialog open fixed={made !== undefined} onClose={onClose} title={t('webhook.add')}>
      {made ? (
        <WebhookSecret secret={made.secret} onDone={onClose} />
      ) : (
        <Form submit={t('webhook.add')} onSubmit={make} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
          <WebhookFields />
        </Form>
      )}
    </Dialog>
  );
}

/** The secret by which the receiver knows that a message is from here. It is shown this once. */
export function WebhookSecret({ secret = '', rotated = false, onDone }: { secret?: string; rotated?: boolean; onDone: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-4">
      <Notice tone="warn" hint={rotated ? t('webhook.rotatedHint') : undefined}>
        {t('webhook.secretOnce')}
      </Notice>
      <Secret label={t('webhook.secret')} value={secret} qr={false} />
      <p className="text-sm text-soft">{t('webhook.secretUse')}</p>
      <div className="flex justify-end">
        <Button look="main" onClick={onDone}>
          {t('devices.tokenKept')}
        </Button>
      </div>
    </div>
  );
}
