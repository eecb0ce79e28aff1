import { useNavigate } from '@tanstack/react-router';
import { PartyPopper, Radio } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type IssuedDevice, type Reading, methods } from '@/api/devices';
import { useLive } from '@/api/useLive';
import { useFormats } from '@/i18n/format';
import { AddDeviceForm } from '@/pages/devices/AddDevice';
import { DeviceSecret } from '@/pages/devices/DeviceSecret';
import { useQuantity } from '@/pages/devices/useQuantity';
import { show } from '@/pages/devices/values';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';

export function DeviceStep({ onDone }: { onDone: (d?: IssuedDevice) => void }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<IssuedDevice>();
  if (made) return <DeviceSecret issued={made} onDone={() => onDone(made)} />;
  return (
    <AddDeviceForm
      onAdded={setMade}
      extra={
        <Button look="quiet" onClick={() => onDone()}>
          {t('setup.later')}
        </Button>
      }
    />
  );
}

/** The box is at work when the first value shows here, live. */
export function FirstReading({ issued }: { issued?: IssuedDevice }) {
  const { t } = useTranslation();
  const f = useFormats();
  const go = useNavigate();
  const id = issued?.device?.id;
  const [first, setFirst] = useState<Reading>();
  useLive<Reading>(methods.watchReadings, { device: id ?? '' }, (r) => setFirst((old) => old ?? r), Boolean(id));
  const quantity = useQuantity();
  const values = (first?.samples ?? []).map((s) => show(s, f, t('common.on'), t('common.off')));
  return (
    <div className="space-y-5">
      {id && (
        <Card>
          <div className="flex flex-col items-center gap-3 py-6 text-center" aria-live="polite">
            {first ? <PartyPopper size={36} className="text-accent" aria-hidden /> : <Radio size={36} className="animate-[breathe_1.6s_ease-in-out_infinite] text-soft" aria-hidden />}
            <p className="font-medium">{t(first ? 'setup.arrived' : 'setup.waiting', { name: issued?.device?.name || id })}</p>
            {values.slice(0, 3).map((v) => (
              <p key={v.name} dir="ltr" className="figures text-3xl font-semibold">
                {v.text} <span className="text-lg font-normal text-soft">{v.unit}</span> <span className="block text-xs font-normal text-soft">{quantity(v.name)}</span>
              </p>
            ))}
          </div>
        </Card>
      )}
      <div className="flex justify-end">
        <Button look="main" onClick={() => void go({ to: '/' })}>
          {t('setup.finish')}
        </Button>
      </div>
    </div>
  );
}
