import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Device, Reading } from '@/api/devices';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { useQuantity } from './useQuantity';
import { type Value, show } from './values';

/** One line says what it is, what it says now, and how long ago. */
export function DeviceRow({ device, reading }: { device: Device; reading?: Reading }) {
  const { t } = useTranslation();
  const f = useFormats();
  const samples = (reading?.samples ?? []).slice(0, 3);
  return (
    <li>
      <Link
        to="/devices/$id"
        params={{ id: device.id }}
        className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-6 gap-y-2 px-4 py-3 hover:bg-raised/60 md:grid-cols-[minmax(0,1fr)_auto_7rem]"
      >
        <span className="min-w-0">
          <span className="flex items-center gap-2 font-medium">
            <bdi className="truncate">{device.name || device.id}</bdi>
            {reading?.urgency === 'critical' && <Badge tone="bad">{t('devices.alarm')}</Badge>}
          </span>
          <span className="block truncate text-xs text-soft">
            <bdi className="font-mono">{device.id}</bdi>
            {device.kind && <> · <bdi>{device.kind}</bdi></>}
          </span>
        </span>
        <span className="text-end text-xs text-soft md:col-start-3 md:row-start-1">{reading ? f.ago(reading.time) : t('devices.silent')}</span>
        {samples.length > 0 && (
          <span className="col-span-2 flex flex-wrap gap-x-6 gap-y-1 md:col-span-1 md:col-start-2 md:row-start-1">
            {samples.map((s, i) => (
              <Figure key={i} {...show(s, f, t('common.on'), t('common.off'))} />
            ))}
          </span>
        )}
      </Link>
    </li>
  );
}

function Figure({ name, text, unit }: Value) {
  const quantity = useQuantity();
  return (
    <span className="min-w-20 md:w-24 md:text-end">
      <bdi dir="ltr" className="figures block text-lg leading-snug font-semibold">
        {text} <span className="text-sm font-normal text-soft">{unit}</span>
      </bdi>
      <bdi className="block max-w-32 truncate text-xs text-soft">{quantity(name)}</bdi>
    </span>
  );
}
