import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { alarms } from '@/api/devices';
import { may, me } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { Card } from '@/ui/Card';
import { Sign } from '@/ui/Badge';
import { Loaded } from '@/ui/States';
import { useQuantity } from './useQuantity';
import { show } from './values';

export function Alarms({ device }: { device: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const quantity = useQuantity();
  const who = useQuery({ ...me, enabled: false }).data;
  const query = useQuery({ ...alarms(device), enabled: may(who, 'readings.read') });
  if (!may(who, 'readings.read')) return null;
  return (
    <Card title={t('devices.alarms')}>
      <Loaded query={query}>
        {({ readings = [] }) =>
          readings.length === 0 ? (
            <p className="text-sm text-soft">{t('devices.noAlarms')}</p>
          ) : (
            <ul className="divide-y divide-line">
              {readings.slice(0, 20).map((r) => (
                <li key={r.position ?? r.time} className="flex flex-wrap items-center gap-x-3 py-2 text-sm">
                  <Sign tone="bad" />
                  <span className="min-w-0 grow">
                    {!device && (
                      <>
                        <bdi className="font-medium">{r.device}</bdi> ·{' '}
                      </>
                    )}
                    {(r.samples ?? [])
                      .map((s) => show(s, f, t('common.on'), t('common.off')))
                      .map((v, i) => (
                        <span key={i}>
                          {i > 0 && ', '}
                          <bdi>{quantity(v.name)}</bdi> <bdi dir="ltr">{`${v.text} ${v.unit}`.trim()}</bdi>
                        </span>
                      ))}
                  </span>
                  <time dateTime={r.time} className="figures ms-auto text-xs text-soft">
                    {f.moment(r.time)}
                  </time>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}
