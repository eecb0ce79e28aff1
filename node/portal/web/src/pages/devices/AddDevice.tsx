import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { IssuedDevice } from '@/api/devices';
import { command } from '@/api/http';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Check, Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { DeviceSecret } from './DeviceSecret';

/** idOf proposes an id from a name: what is typed in any script may have no letters MQTT firmware takes. */
export function idOf(name: string): string {
  return name.normalize('NFKD').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 48);
}

export function AddDeviceForm({ onAdded, extra }: { onAdded: (d: IssuedDevice) => void; extra?: React.ReactNode }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [id, setID] = useState('');
  const [typed, setTyped] = useState(false);
  const add = async (data: FormData) => {
    // Not kept in the outbox: its answer is a secret somebody must be there to see.
    const body = { id, name: text(data, 'name'), kind: text(data, 'kind'), anyClient: data.get('anyClient') !== null };
    const made = await command<IssuedDevice>('POST', '/v1/devices', body);
    void client.invalidateQueries({ queryKey: ['devices'] });
    onAdded(made);
  };
  return (
    <Form submit={t('devices.add')} onSubmit={add} extra={extra}>
      <Field label={t('devices.name')} name="name" required maxLength={100} autoFocus onChange={(e) => !typed && setID(idOf(e.target.value))} />
      <Field
        label={t('devices.id')}
        help={t('devices.idHelp')}
        latin
        required
        maxLength={64}
        value={id}
        onChange={(e) => {
          setTyped(true);
          setID(e.target.value);
        }}
      />
      <Field label={t('devices.kind')} name="kind" maxLength={100} help={t('devices.kindHelp')} />
      <Check label={t('devices.anyClient')} name="anyClient" help={t('devices.anyClientHelp')} />
    </Form>
  );
}

export default function AddDevice({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<IssuedDevice>();
  if (!made) {
    return (
      <Dialog open onClose={onClose} title={t('devices.add')}>
        <AddDeviceForm onAdded={setMade} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>} />
      </Dialog>
    );
  }
  return (
    <Dialog open fixed onClose={onClose} title={made.device?.name || made.device?.id || ''}>
      <DeviceSecret issued={made} onDone={onClose} />
    </Dialog>
  );
}
