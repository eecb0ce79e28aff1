import type { Reading, Sample } from '@/api/devices';
import type { Formats } from '@/i18n/format';

/** SenML's names of units (RFC 8428 section 12.1) as people write them. */
const signs: Record<string, string> = {
  Cel: '°C', degF: '°F', '%RH': '%', '/': '', '%': '%', '%EL': '%', EL: '%', 'beat/min': 'bpm', 'mm[Hg]': 'mmHg', lx: 'lx', Pa: 'Pa', hPa: 'hPa', ppm: 'ppm', V: 'V', A: 'A', W: 'W',
};

export const unitSign = (unit: string | undefined) => (unit === undefined ? '' : (signs[unit] ?? unit));

export interface Value {
  name: string;
  text: string;
  unit: string;
}

/** A level of the topic marks an alarm; it is the same value that the device measures otherwise. */
const plain = (name = '') => name.replace(/^(alarm|critical)\//, '');

export function show(s: Sample, f: Formats, yes: string, no: string): Value {
  const name = plain(s.name);
  if (s.text !== undefined) return { name, text: s.text, unit: '' };
  if (s.flag !== undefined) return { name, text: s.flag ? yes : no, unit: '' };
  if (s.data !== undefined) return { name, text: `${Math.floor((s.data.length * 3) / 4)} B`, unit: '' };
  // Zero is a value, and the one that a sender may leave out.
  return { name, text: f.value(s.number ?? 0), unit: unitSign(s.unit) };
}

/** newest is the last reading of each device, from readings in any order. */
export function newest(readings: Reading[]): Map<string, Reading> {
  const found = new Map<string, Reading>();
  for (const r of readings) {
    const old = found.get(r.device ?? '');
    if (!old || (r.time ?? '') > (old.time ?? '')) found.set(r.device ?? '', r);
  }
  return found;
}

export interface Series {
  name: string;
  unit: string;
  times: number[];
  values: number[];
}

/** series sorts the numbers of readings by name, each in the order of time, as charts need them. */
export function series(readings: Reading[]): Series[] {
  const found = new Map<string, Series>();
  const timed = readings.map((r) => ({ at: Date.parse(r.time ?? '') / 1000, samples: r.samples ?? [] }));
  // One time that is none would leave the others in no order at all.
  const sorted = timed.filter((r) => !Number.isNaN(r.at)).sort((a, b) => a.at - b.at);
  for (const { at, samples } of sorted) {
    for (const s of samples) {
      if (s.text !== undefined || s.flag !== undefined || s.data !== undefined) continue;
      const key = plain(s.name);
      let line = found.get(key);
      if (!line) found.set(key, (line = { name: key, unit: unitSign(s.unit), times: [], values: [] }));
      line.times.push(at);
      line.values.push(s.number ?? 0);
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}
