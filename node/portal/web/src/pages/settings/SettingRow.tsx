import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Setting } from '@/api/node';
import { useCommand } from '@/api/useCommand';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Check, Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { type Known, known, word } from './known';

export function SettingRow({ setting, manages }: { setting: Setting; manages: boolean }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const key = setting.key as Known;
  const kind = known[key];
  const value = setting.value ?? '';
  const shown = kind === 'switch' ? t(value === 'true' ? 'common.on' : 'common.off') : value || '–';
  return (
    <li className="flex items-center gap-4 py-2.5 text-sm">
      <span className="min-w-0 grow">
        <span className="block text-soft">{t(`setting.${word(key)}`)}</span>
        <bdi className="font-medium">{shown}</bdi>
      </span>
      {manages && <Button onClick={() => setOpen(true)}>{t('common.edit')}</Button>}
      {open && <Edit setting={setting} name={key} onClose={() => setOpen(false)} />}
    </li>
  );
}

/** The version goes along, so that two people cannot overwrite each other unknowingly. */
function Edit({ setting, name, onClose }: { setting: Setting; name: Known; onClose: () => void }) {
  const { t } = useTranslation();
  const send = useCommand();
  const label = t(`setting.${word(name)}`);
  const kind = known[name];
  const save = async (d: FormData) => {
    const value = kind === 'switch' ? String(d.get('value') !== null) : text(d, 'value');
    const body = { value, ifVersion: setting.version ?? '0' };
    if (await send({ method: 'PUT', path: `/v1/settings/${encodeURIComponent(name)}`, body, label: 'settings.changing', values: { name: label } }, t('common.saved'))) onClose();
  };
  return (
    <Dialog open onClose={onClose} title={label}>
      <Form submit={t('common.save')} onSubmit={save} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        {kind === 'switch' ? (
          <Check label={label} name="value" defaultChecked={setting.value === 'true'} />
        ) : (
          <Field
            label={label}
            name="value"
            autoFocus
            latin={kind !== 'text'}
            defaultValue={setting.value}
            maxLength={4096}
            inputMode={kind === 'seconds' ? 'numeric' : undefined}
          />
        )}
      </Form>
    </Dialog>
  );
}
