import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { type LinkSetting, type LinkSettings, configuration, linkSettings } from '@/api/node';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Field, Select } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Loaded } from '@/ui/States';

const profiles = ['normal', 'metered', 'full'] as const;
type Profile = (typeof profiles)[number];

/** How the link to the hub is used. What is set here goes before the box's own file; a hub can make a budget smaller. */
export function LinkCard() {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const query = useQuery(linkSettings);
  const manages = may(useQuery({ ...me, enabled: false }).data, 'node.manage');
  const [open, setOpen] = useState(false);
  const show = useShown();
  const edit = manages && query.data && <Button onClick={() => setOpen(true)}>{t('common.edit')}</Button>;
  return (
    <Card title={t('settings.limits')} action={edit}>
      <Loaded query={query} lines={4}>
        {(s) => (
          <>
            <Facts
              rows={[
                [t('linkSetting.profile'), <Value of={s.profile} text={show.profile(s.profile)} />],
                [t('linkSetting.day'), <Value of={s.dayBudget} text={show.budget(s.dayBudget)} />],
                [t('linkSetting.month'), <Value of={s.monthBudget} text={show.budget(s.monthBudget)} />],
                [t('linkSetting.window'), <Value of={s.bulkWindow} text={s.bulkWindow?.value ? <bdi className="latin">{s.bulkWindow.value}</bdi> : t('settings.anyTime')} />],
              ]}
            />
            {s.changed && <p className="mt-2 text-xs text-soft">{t('linkSetting.changed', { when: f.moment(s.changed), name: name(s.by) })}</p>}
            {open && <Edit settings={s} onClose={() => setOpen(false)} />}
          </>
        )}
      </Loaded>
      <Configuration />
    </Card>
  );
}

function useShown() {
  const { t } = useTranslation();
  return {
    profile: (s: LinkSetting | undefined) => (profiles.includes(s?.value as Profile) ? t(`linkProfile.${s!.value as Profile}`) : <bdi>{s?.value}</bdi>),
    budget: (s: LinkSetting | undefined) => (!s?.value || /^0(B|$)/.test(s.value) ? t('settings.noLimit') : <bdi className="latin">{s.value}</bdi>),
  };
}

/** A value, and who gave it where that was not the file. */
function Value({ of: s, text: shown }: { of?: LinkSetting; text: ReactNode }) {
  const { t } = useTranslation();
  const from = s?.from === 'hub' ? t('linkSetting.fromHub') : s?.from === 'portal' ? t('linkSetting.fromHere') : '';
  return (
    <>
      {shown} {from && <span className="block text-xs font-normal text-soft">{from}</span>}
    </>
  );
}

function Edit({ settings: s, onClose }: { settings: LinkSettings; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const send = useCommand();
  // What is left empty is as the file says: it is not sent at all. No limit is a zero.
  const save = async (d: FormData) => {
    const given = Object.fromEntries([...(['profile', 'dayBudget', 'monthBudget', 'bulkWindow'] as const)].map((k) => [k, text(d, k)]).filter(([, v]) => v !== ''));
    if (!(await send({ method: 'PUT', path: '/v1/link/settings', body: given, label: 'linkSetting.changing' }, t('common.saved')))) return;
    void client.invalidateQueries({ queryKey: ['link-settings'] });
    onClose();
  };
  const file = (x: LinkSetting | undefined) => t('linkSetting.file', { value: x?.file || '–' });
  const size = '[0-9]+(\\.[0-9]+)?\\s*([kKMGT]i?)?B?';
  return (
    <Dialog open onClose={onClose} title={t('settings.limits')}>
      <Form submit={t('common.save')} onSubmit={save} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <p className="text-sm text-soft">{t('linkSetting.lead')}</p>
        <Select label={t('linkSetting.profile')} name="profile" defaultValue={s.profile?.portal ?? ''}>
          <option value="">{file(s.profile)}</option>
          {profiles.map((p) => (
            <option key={p} value={p}>
              {t(`linkProfile.${p}`)}
            </option>
          ))}
        </Select>
        <Field label={t('linkSetting.day')} name="dayBudget" latin pattern={size} defaultValue={s.dayBudget?.portal} placeholder="64MiB" help={`${t('linkSetting.sizeHelp')} ${file(s.dayBudget)}`} />
        <Field label={t('linkSetting.month')} name="monthBudget" latin pattern={size} defaultValue={s.monthBudget?.portal} placeholder="2GB" help={file(s.monthBudget)} />
        <Field
          label={t('linkSetting.window')}
          name="bulkWindow"
          latin
          pattern="([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]"
          defaultValue={s.bulkWindow?.portal}
          placeholder="01:00-05:00"
          help={`${t('linkSetting.windowHelp')} ${file(s.bulkWindow)}`}
        />
      </Form>
    </Dialog>
  );
}

function Configuration() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const query = useQuery({ ...configuration, enabled: open });
  return (
    <details className="mt-2 text-sm" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary className="inline-block min-h-8 py-1 font-medium text-accent">{t('settings.whole')}</summary>
      {open && (
        <Loaded query={query}>
          {({ toml = '' }) => (
            <pre dir="ltr" tabIndex={0} className="mt-1 max-h-72 overflow-auto rounded-lg bg-raised p-3 text-xs">
              {toml}
            </pre>
          )}
        </Loaded>
      )}
    </details>
  );
}
