import { useTranslation } from 'react-i18next';
import type { IssuedDevice } from '@/api/devices';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Facts } from '@/ui/Card';
import { Secret } from '@/ui/Secret';

/** What a device needs to connect. The token is shown this once; the node keeps only its hash. */
export function DeviceSecret({ issued, onDone }: { issued: IssuedDevice; onDone: () => void }) {
  const { t } = useTranslation();
  const id = issued.device?.id ?? '';
  const own = (issued.device?.publish ?? [])[0]?.replace(/#$/, '') ?? `${id}/`;
  return (
    <div className="space-y-4">
      <Notice tone="warn">{t('devices.tokenOnce')}</Notice>
      <Secret label={t('devices.token')} value={issued.token ?? ''} />
      <Facts
        rows={[
          [t('devices.broker'), <bdi className="latin font-mono">{location.hostname}</bdi>],
          [t('devices.user'), <bdi className="latin font-mono">{id}</bdi>],
          [t('devices.topic'), <bdi className="latin font-mono">{own}temperature</bdi>],
        ]}
      />
      <div className="flex justify-end">
        <Button look="main" onClick={onDone}>
          {t('devices.tokenKept')}
        </Button>
      </div>
    </div>
  );
}
