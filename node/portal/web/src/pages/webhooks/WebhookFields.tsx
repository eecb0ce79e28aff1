import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { type DataClass, type Webhook, eventTypes } from '@/api/webhooks';
import { Check, Field, Select } from '@/ui/Field';
import { text } from '@/ui/Form';
import { useCode } from '@/ui/useCode';
import { classes, useWebhookWords } from './words';

/** What is asked for of a webhook, new or changed. */
export function WebhookFields({ webhook: w = { id: '' } }: { webhook?: Webhook }) {
  const { t } = useTranslation();
  const { className } = useWebhookWords();
  return (
    <>
      <Field label={t('webhook.url')} name="url" type="url" latin required maxLength={2048} placeholder="https://example.org/hook" defaultValue={w.url} autoFocus />
      <Field label={t('webhook.description')} name="description" maxLength={256} defaultValue={w.description} />
      <Types chosen={w.types} />
      <Select label={t('webhook.class')} name="class" defaultValue={w.class ?? 'CLASS_PUBLIC'} help={t('webhook.classHelp')}>
        {classes.map((c) => (
          <option key={c} value={c}>
            {className(c)}
          </option>
        ))}
      </Select>
      <Check label={t('webhook.ordered')} name="ordered" help={t('webhook.orderedHelp')} defaultChecked={w.ordered} />
      <Check label={t('webhook.private')} name="allowPrivate" help={t('webhook.privateHelp')} defaultChecked={w.allowPrivate} />
      <Check label={t('webhook.plain')} name="allowPlain" help={t('webhook.plainHelp')} defaultChecked={w.allowPlain} />
    </>
  );
}

function Types({ chosen = [] }: { chosen?: string[] }) {
  const { t } = useTranslation();
  const code = useCode();
  const known = useQuery(eventTypes).data?.types ?? [];
  // What is chosen and not known any more stays choosable, or saving would drop it unseen.
  const all = [...known, ...chosen.filter((c) => !known.some((k) => k.type === c)).map((type) => ({ type, description: undefined }))];
  return (
    <fieldset>
      <legend className="text-sm font-medium">{t('webhook.typesLegend')}</legend>
      <p className="mb-1 text-xs text-soft">{t('webhook.typesHelp')}</p>
      <div tabIndex={0} role="group" aria-label={t('webhook.typesLegend')} className="max-h-56 overflow-y-auto rounded-lg border border-line px-3 py-1">
        {all.map((e) => (
          <Check key={e.type} label={code('event', e.type, e.description)} help={<bdi className="latin font-mono">{e.type}</bdi>} name="types" value={e.type} defaultChecked={chosen.includes(e.type ?? '')} />
        ))}
      </div>
    </fieldset>
  );
}

export function webhookOf(d: FormData) {
  return {
    url: text(d, 'url'),
    description: text(d, 'description'),
    types: d.getAll('types').map(String),
    class: text(d, 'class') as DataClass,
    ordered: d.get('ordered') !== null,
    allowPrivate: d.get('allowPrivate') !== null,
    allowPlain: d.get('allowPlain') !== null,
  };
}
