import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Device, IssuedDevice } from '@/api/devices';
import { command } from '@/api/http';
import { useCommand } from '@/api/useCommand';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { Dialog } from '@/ui/Dialog';
import { Field, Select } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { DeviceSecret } from './DeviceSecret';

export function DeviceActions({ device }: { device: Device }) {
  const { t } = useTranslation();
  const send = useCommand();
  const go = useNavigate();
  const [open, setOpen] = useState<'edit' | 'rotate'>();
  const path = `/v1/devices/${encodeURIComponent(device.id)}`;
  const name = device.name || device.id;
  const remove = () => send({ method: 'DELETE', path, label: 'devices.removing', values: { name } }, t('devices.removed', { name }), () => go({ to: '/devices' }));
  return (
    <>
      <Button onClick={() => setOpen('edit')}>{t('common.edit')}</Button>
      <Button onClick={() => setOpen('rotate')}>{t('devices.rotate')}</Button>
      <Confirm label={t('common.remove')} title={t('devices.removeTitle', { name })} text={t('devices.removeText')} onConfirm={remove} />
      {open === 'edit' && <Edit device={device} path={path} onClose={() => setOpen(undefined)} />}
      {open === 'rotate' && <Rotate name={name} path={path} onClose={() => setOpen(undefined)} />}
    </>
  );
}

interface Props {
  path: string;
  onClose: () => void;
}

function Edit({ device, path, onClose }: Props & { device: Device }) {
  const { t } = useTranslation();
  const send = useCommand();
  const save = async (data: FormData) => {
    const name = text(data, 'name');
    const body = { name, kind: text(data, 'kind') };
    const answer = await send({ method: 'PATCH', path, body, label: 'devices.changing', values: { name: name || device.id } }, t('common.saved'));
    if (answer) onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('common.edit')}>
      <Form submit={t('common.save')} onSubmit={save} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <Field label={t('devices.name')} name="name" maxLength={100} defaultValue={device.name} autoFocus />
        <Field label={t('devices.kind')} name="kind" maxLength={100} defaultValue={device.kind} help={t('devices.kindHelp')} />
      </Form>
    </Dialog>
  );
}

function Rotate({ name, path, onClose }: Props & { name: string }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<IssuedDevice>();
  const rotate = async (data: FormData) => {
    setMade(await command<IssuedDevice>('POST', `${path}/rotate`, { graceSeconds: text(data, 'grace') }));
  };
  return (
    <Dialog open fixed={made !== undefined} onClose={onClose} title={t('devices.rotateTitle', { name })}>
      {made ? (
        <DeviceSecret issued={made} onDone={onClose} />
      ) : (
        <Form submit={t('devices.rotate')} onSubmit={rotate} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
          <Select label={t('devices.grace')} name="grace" defaultValue="86400">
            <option value="0">{t('devices.graceNone')}</option>
            <option value="86400">{t('devices.graceDay')}</option>
            <option value="604800">{t('devices.graceWeek')}</option>
          </Select>
        </Form>
      )}
    </Dialog>
  );
}
