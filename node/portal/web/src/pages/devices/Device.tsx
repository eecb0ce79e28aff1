import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { device } from '@/api/devices';
import { may, me } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { Card, Facts } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Alarms } from './Alarms';
import { DeviceActions } from './DeviceActions';
import { History } from './History';
import { Quarantine } from './Quarantine';

export default function DevicePage() {
  const { t } = useTranslation();
  const f = useFormats();
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useQuery(device(id));
  const who = useQuery({ ...me, enabled: false }).data;
  const manages = may(who, 'devices.manage');
  const d = query.data;
  return (
    <Page title={d?.name || id} action={d && manages && <DeviceActions device={d} />}>
      <History id={id} />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('devices.about')}>
          <Loaded query={query}>
            {(d) => (
              <Facts
                rows={[
                  [t('devices.id'), <bdi className="latin font-mono">{id}</bdi>],
                  [t('devices.kind'), <bdi>{d.kind || '–'}</bdi>],
                  [t('devices.publish'), <Topics list={d.publish} />],
                  [t('devices.subscribe'), <Topics list={d.subscribe} />],
                  [t('devices.proof'), t(d.hasKey ? 'devices.proofKey' : d.hasPassword ? 'devices.proofPassword' : 'devices.proofToken')],
                  [t('devices.registered'), `${f.moment(d.registered)}${d.enrolled ? ` · ${t('devices.enrolled')}` : ''}`],
                  ...(d.rotated ? ([[t('devices.rotated'), f.moment(d.rotated)]] as [string, string][]) : []),
                ]}
              />
            )}
          </Loaded>
        </Card>
        <div className="min-w-0 space-y-4">
          <Alarms device={id} />
          <Quarantine device={id} />
        </div>
      </div>
    </Page>
  );
}

function Topics({ list = [] }: { list?: string[] }) {
  return (
    <span className="latin block font-mono text-xs leading-5">
      {list.slice(0, 4).map((topic) => (
        <span key={topic} className="block">
          {topic}
        </span>
      ))}
      {list.length > 4 && `+${list.length - 4}`}
    </span>
  );
}
