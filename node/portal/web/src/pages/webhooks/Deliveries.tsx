import { useQuery } from '@tanstack/react-query';
import { Send } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type Delivery, deliveries, webhookPath } from '@/api/webhooks';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Empty, Loaded } from '@/ui/States';
import { useCode } from '@/ui/useCode';
import { useWebhookWords } from './words';

/** The newest tries, newest first, with what the receiver said. */
export function Deliveries({ id, disabled }: { id: string; disabled: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const query = useQuery(deliveries(id));
  return (
    <Card title={t('webhook.tries')}>
      <Loaded query={query} lines={6}>
        {(d) => (
          <>
            <dl className="mb-3 grid grid-cols-3 gap-3">
              <Figure name={t('webhook.nDelivered')} value={f.count(d.delivered)} />
              <Figure name={t('ledger.waiting')} value={f.count(d.waiting)} />
              <Figure name={t('webhook.nLost')} value={f.count(d.lost)} bad={Number(d.lost ?? 0) > 0} />
            </dl>
            {d.resting && !disabled && <Notice tone="warn">{t('webhook.resting')}</Notice>}
            {(d.deliveries ?? []).length === 0 ? (
              <Empty icon={Send} title={t('webhook.noTries')}>
                {t('webhook.noTriesHint')}
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {d.deliveries!.map((x) => (
                  <Try key={`${x.message}/${x.time}`} hook={id} delivery={x} />
                ))}
              </ul>
            )}
          </>
        )}
      </Loaded>
    </Card>
  );
}

function Figure({ name, value, bad = false }: { name: string; value: string; bad?: boolean }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className={`figures text-xl font-semibold ${bad ? 'text-bad' : ''}`}>{value}</dd>
    </div>
  );
}

function Try({ hook, delivery: d }: { hook: string; delivery: Delivery }) {
  const { t } = useTranslation();
  const f = useFormats();
  const send = useCommand();
  const words = useWebhookWords();
  const code = useCode();
  const [tone, text] = words.outcome(d);
  const why = words.why(d);
  const again = () =>
    void send({ method: 'POST', path: `${webhookPath(hook)}/redeliver`, body: { message: d.message }, label: 'webhook.againLabel', values: { type: code('event', d.type) } }, t('webhook.againDone'));
  return (
    <li className="flex flex-wrap items-start gap-x-4 gap-y-1.5 py-2.5 text-sm">
      <span className="min-w-0 grow basis-56">
        <span className="flex flex-wrap items-center gap-2">
          <Badge tone={tone}>{text}</Badge>
          <bdi>{code('event', d.type)}</bdi>
        </span>
        {why && <span className="mt-0.5 block">{why}</span>}
        {(d.error || (d.response && d.outcome !== 'delivered')) && (
          <bdi lang="en" className="block text-xs break-words text-soft">
            {[d.error, d.response].filter(Boolean).join(' · ')}
          </bdi>
        )}
        <span className="figures block text-xs text-soft">
          <time dateTime={d.time}>{f.moment(d.time)}</time> · {t('webhook.attempt', { count: d.attempt ?? 1 })} · {f.value(Math.round(d.tookMs ?? 0))} ms
        </span>
      </span>
      {d.message && d.type !== 'webhooks.test' && <Button onClick={again}>{t('webhook.again')}</Button>}
    </li>
  );
}
