import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plus, Webhook as Hook } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Webhook, webhooks } from '@/api/webhooks';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Empty, Loaded } from '@/ui/States';
import { CreateWebhook } from './CreateWebhook';
import { hostOf } from './words';

/** Where events of the site are posted to. */
export default function Webhooks() {
  const { t } = useTranslation();
  const query = useQuery(webhooks);
  const [making, setMaking] = useState(false);
  const add = (
    <Button look="main" onClick={() => setMaking(true)}>
      <Plus size={18} aria-hidden />
      {t('webhook.add')}
    </Button>
  );
  return (
    <Page title={t('nav.webhooks')} lead={t('webhook.lead')} action={add}>
      <Card flush>
        <Loaded query={query} lines={5}>
          {({ webhooks = [] }) =>
            webhooks.length === 0 ? (
              <Empty icon={Hook} title={t('webhook.none')} action={add}>
                {t('webhook.noneHint')}
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {webhooks.map((w) => (
                  <Row key={w.id} webhook={w} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      {making && <CreateWebhook onClose={() => setMaking(false)} />}
    </Page>
  );
}

function Row({ webhook: w }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const f = useFormats();
  return (
    <li>
      <Link to="/webhooks/$id" params={{ id: w.id }} className="flex flex-wrap items-center gap-x-6 gap-y-1.5 px-4 py-3 hover:bg-raised/60">
        <span className="min-w-0 grow basis-56">
          <bdi className="block truncate font-medium">{w.description || hostOf(w)}</bdi>
          <bdi className="latin block truncate font-mono text-xs text-soft">{w.url}</bdi>
        </span>
        <span className="text-xs text-soft">{w.types?.length ? t('webhook.types', { count: w.types.length }) : t('webhook.allTypes')}</span>
        <span className="text-xs text-soft">{t('webhook.since', { when: f.ago(w.created) })}</span>
        <Badge tone={w.disabled ? 'bad' : 'good'}>{t(w.disabled ? 'webhook.off' : 'webhook.on')}</Badge>
      </Link>
    </li>
  );
}
