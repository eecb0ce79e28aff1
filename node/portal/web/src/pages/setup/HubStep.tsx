import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Form } from '@/ui/Form';
import { Scan, canScan } from '@/ui/Scan';
import { parseJoin } from './joinText';

export function HubStep({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  return <HubForm onDone={onDone} extra={<Button look="quiet" onClick={onDone}>{t('setup.later')}</Button>} />;
}

/** The hub's code comes as a photo of a QR code, or typed. Whatever is pasted into either field is taken apart. */
export function HubForm({ onDone, extra }: { onDone: () => void; extra?: React.ReactNode }) {
  const { t } = useTranslation();
  const [address, setAddress] = useState('');
  const [code, setCode] = useState('');
  const [hub, setHub] = useState('');
  const [scanning, setScanning] = useState(false);
  const take = (text: string) => {
    const found = parseJoin(text);
    if (found.address) setAddress(found.address);
    if (found.code) setCode(found.code);
    return Boolean(found.code);
  };
  const join = async () => setHub((await command<{ hub?: string }>('POST', '/v1/hub/join', { address, code })).hub ?? address);
  if (hub) {
    return (
      <div className="space-y-4">
        <Notice tone="good">{t('setup.joined', { hub })}</Notice>
        <div className="flex justify-end">
          <Button look="main" onClick={onDone}>
            {t('common.next')}
          </Button>
        </div>
      </div>
    );
  }
  const paste = (e: React.ClipboardEvent) => take(e.clipboardData.getData('text')) && e.preventDefault();
  return (
    <Form submit={t('setup.join')} onSubmit={join} extra={extra}>
      {canScan() && !scanning && <Button onClick={() => setScanning(true)}>{t('setup.scan')}</Button>}
      {scanning && <Scan onText={(text) => take(text) && setScanning(false)} />}
      <Field label={t('join.code')} latin required maxLength={256} value={code} onChange={(e) => setCode(e.target.value)} onPaste={paste} help={t('setup.joinHelp')} />
      <Field label={t('setup.hubAddress')} latin required maxLength={255} value={address} onChange={(e) => setAddress(e.target.value)} onPaste={paste} placeholder="hub.example.org:8443" />
    </Form>
  );
}
