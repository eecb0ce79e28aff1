import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Cpu, Plus } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Device, type Reading, type Readings, devices, latest, methods } from '@/api/devices';
import { may, me } from '@/api/identity';
import { useLive } from '@/api/useLive';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Finder } from '@/ui/Field';
import { Page } from '@/ui/Page';
import { Empty, Failure, Skeleton } from '@/ui/States';
import { Alarms } from './Alarms';
import { DeviceRow } from './DeviceRow';
import { Quarantine } from './Quarantine';
import { newest } from './values';

const AddDevice = lazy(() => import('./AddDevice'));
const keptLive = 500;

export default function Devices() {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const [adding, setAdding] = useState(false);
  const add = may(who, 'devices.manage') && (
    <Button look="main" onClick={() => setAdding(true)}>
      <Plus size={18} aria-hidden />
      {t('devices.add')}
    </Button>
  );
  return (
    <Page title={t('nav.devices')} lead={t('devices.lead')} action={add}>
      <DeviceList add={add} />
      <Alarms device="" />
      <Quarantine device="" />
      <Suspense>{adding && <AddDevice onClose={() => setAdding(false)} />}</Suspense>
    </Page>
  );
}

function DeviceList({ add }: { add: React.ReactNode }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(devices);
  const values = useLatest();
  const [words, setWords] = useState('');
  if (query.error && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton lines={6} />;
  const all = query.data.pages.flatMap((p) => p.devices ?? []);
  const shown = all.filter((d) => matches(d, words));
  if (all.length === 0) {
    return (
      <Card>
        <Empty icon={Cpu} title={t('devices.none')} action={add}>
          {t('devices.noneHint')}
        </Empty>
      </Card>
    );
  }
  return (
    <>
      {all.length > 5 && <Finder label={t('devices.filter')} value={words} onChange={setWords} />}
      <Card flush>
        <ul className="divide-y divide-line">
          {shown.map((d) => (
            <DeviceRow key={d.id} device={d} reading={values.get(d.id)} />
          ))}
        </ul>
        {shown.length === 0 && <p className="p-4 text-sm text-soft">{t('devices.noMatch')}</p>}
      </Card>
      {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()}>{t('common.more')}</Button>}
      <p className="text-sm text-soft">
        {t('devices.join')} <Link to="/install" className="font-medium text-accent hover:underline">{t('devices.joinLink')}</Link>
      </p>
    </>
  );
}

function matches(d: Device, words: string) {
  const w = words.trim().toLocaleLowerCase();
  return [d.id, d.name, d.kind].some((s) => s?.toLocaleLowerCase().includes(w));
}

/** useLatest keeps the newest reading of each device: one page to begin with, then what comes live. */
export function useLatest(): Map<string, Reading> {
  const client = useQueryClient();
  const page = useQuery(latest).data;
  useLive<Reading>(methods.watchReadings, {}, (r) =>
    client.setQueryData<Readings>(latest.queryKey, (old) => ({ readings: [r, ...(old?.readings ?? [])].slice(0, keptLive) })),
  );
  return newest(page?.readings ?? []);
}
