import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { read } from './http';

export interface Device {
  id: string; name?: string; kind?: string; publish?: string[]; subscribe?: string[]; registered?: string; by?: string;
  enrolled?: boolean; rotated?: string; hasKey?: boolean; hasPassword?: boolean; anyClient?: boolean;
}
export interface Sample { name?: string; unit?: string; number?: number; text?: string; flag?: boolean; data?: string }
export interface Reading { device?: string; time?: string; samples?: Sample[]; urgency?: string; position?: string }
export interface Quarantined { device?: string; time?: string; topic?: string; reason?: string; contentType?: string; payload?: string; position?: string }
export interface IssuedDevice { device?: Device; token?: string }

interface Page { nextPageToken?: string }
export interface Readings extends Page { readings?: Reading[] }

const page = (path: string, token: string) => `${path}${token ? `&page_token=${encodeURIComponent(token)}` : ''}`;
const more = (last: Page) => last.nextPageToken || undefined;

export const devices = infiniteQueryOptions({
  queryKey: ['devices'],
  queryFn: ({ signal, pageParam }) => read<Page & { devices?: Device[]; total?: number }>(page('/v1/devices?page_size=200', pageParam), signal),
  initialPageParam: '',
  getNextPageParam: more,
});

export const device = (id: string) =>
  queryOptions({ queryKey: ['device', id], queryFn: ({ signal }) => read<Device>(`/v1/devices/${encodeURIComponent(id)}`, signal) });

/** latest is one page of the newest readings of all devices, from which the list takes its values. */
export const latest = queryOptions({
  queryKey: ['readings', 'latest'],
  queryFn: ({ signal }) => read<Readings>('/v1/readings?page_size=500', signal),
});

/** history fetches up to five pages back to since: enough for a chart, and bounded. */
export const history = (id: string, hours: number) =>
  queryOptions({
    queryKey: ['readings', id, hours],
    queryFn: async ({ signal }) => {
      const since = new Date(Math.floor(Date.now() / 60_000) * 60_000 - hours * 3_600_000).toISOString();
      const base = `/v1/readings?page_size=2000&device=${encodeURIComponent(id)}&since=${encodeURIComponent(since)}`;
      const all: Reading[] = [];
      let token = '';
      for (let i = 0; i < 5; i++) {
        const r = await read<Readings>(page(base, token), signal);
        all.push(...(r.readings ?? []));
        if (!(token = r.nextPageToken ?? '')) break;
      }
      return all;
    },
  });

export const alarms = (id: string) =>
  queryOptions({
    queryKey: ['alarms', id],
    queryFn: ({ signal }) => read<Readings>(`/v1/readings?page_size=50&critical=true${id ? `&device=${encodeURIComponent(id)}` : ''}`, signal),
  });

export const quarantine = (id: string) =>
  queryOptions({
    queryKey: ['quarantine', id],
    queryFn: ({ signal }) => read<Page & { messages?: Quarantined[] }>(`/v1/quarantine?page_size=100${id ? `&device=${encodeURIComponent(id)}` : ''}`, signal),
  });

export const methods = { watchReadings: '/aielon.devices.v1.Devices/WatchReadings', watchStatus: '/aielon.node.v1.Node/WatchStatus', watchLedger: '/aielon.node.v1.Node/WatchLedger' };
