import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Webhook, webhook } from '@/api/webhooks';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Own } from '@/ui/Own';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { useCode } from '@/ui/useCode';
import { Deliveries } from './Deliveries';
import { WebhookActions } from './WebhookActions';
import { hostOf, useWebhookWords } from './words';

/** One webhook: what it is sent, how it goes, and what to do where it does not. */
export default function WebhookPage() {
  const { t } = useTranslation();
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useQuery(webhook(id));
  const w = query.data;
  const back = (
    <Link to="/webhooks" className={linkLooks()}>
      {t('webhook.all')}
    </Link>
  );
  return (
    <Page title={w ? w.description || hostOf(w) : id} lead={<bdi className="latin font-mono break-all">{w?.url}</bdi>} action={back}>
      {w?.disabled && (
        <Notice tone="bad" hint={t('webhook.offHint')}>
          {t('webhook.offBecause')} <Own text={w.disabled} />
        </Notice>
      )}
      <div className="grid items-start gap-4 lg:grid-cols-3">
        <Card title={t('webhook.about')}>
          <Loaded query={query} lines={6}>
            {(w) => (
              <>
                <About webhook={w} />
                <WebhookActions webhook={w} />
              </>
            )}
          </Loaded>
        </Card>
        <div className="min-w-0 lg:col-span-2">
          <Deliveries id={id} disabled={Boolean(w?.disabled)} />
        </div>
      </div>
    </Page>
  );
}

function About({ webhook: w }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { className } = useWebhookWords();
  const code = useCode();
  const types = w.types?.length ? (
    <span className="block">
      {w.types.map((x) => (
        <span key={x} className="block">
          {code('event', x)}
        </span>
      ))}
    </span>
  ) : (
    t('webhook.allTypes')
  );
  const also = [w.ordered && t('webhook.ordered'), w.allowPrivate && t('webhook.private'), w.allowPlain && t('webhook.plain')].filter(Boolean);
  return (
    <Facts
      rows={[
        [t('webhook.state'), <Badge tone={w.disabled ? 'bad' : 'good'}>{t(w.disabled ? 'webhook.off' : 'webhook.on')}</Badge>],
        [t('webhook.typesLegend'), types],
        [t('webhook.class'), className(w.class)],
        [t('webhook.made'), f.moment(w.created)],
        ...also.map((x): [string, string] => ['', String(x)]),
        ...(w.oldSecretUntil ? ([[t('webhook.oldSecret'), f.moment(w.oldSecretUntil)]] as [string, string][]) : []),
      ]}
    />
  );
}
