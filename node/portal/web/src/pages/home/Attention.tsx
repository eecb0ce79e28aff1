import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CheckCircle2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { alarms, quarantine } from '@/api/devices';
import { may, me } from '@/api/identity';
import type { Status } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { type Tone, Sign } from '@/ui/Badge';
import { Card } from '@/ui/Card';
import { Own } from '@/ui/Own';
import { useCode } from '@/ui/useCode';
import { usePartName } from './PartsCard';

interface Matter {
  key: string;
  tone: Tone;
  text: ReactNode;
  hint?: ReactNode;
  to?: '/site' | '/hub' | '/devices' | '/audit' | '/settings';
}

/** Attention is everything a person should look at, worst first, each with what to do. */
export function Attention({ status }: { status: Status }) {
  const { t } = useTranslation();
  const all = [...useMatters(status), ...useParts(status), ...useDeviceMatters()].sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
  return (
    <Card title={t('attention.title')}>
      {all.length === 0 ? (
        <p className="flex items-center gap-2 text-sm text-soft">
          <CheckCircle2 size={18} className="text-good" aria-hidden />
          {t('attention.none')}
        </p>
      ) : (
        <ul className="divide-y divide-line">
          {all.map((m) => (
            <li key={m.key} className="flex gap-3 py-2.5">
              <span className="mt-0.5">
                <Sign tone={m.tone} />
              </span>
              <div className="min-w-0 grow text-sm">
                <p className="font-medium break-words">{m.text}</p>
                {m.hint && <p className="break-words text-soft">{m.hint}</p>}
              </div>
              {m.to && (
                <Link to={m.to} className="self-center px-2 py-1 text-sm font-medium text-accent hover:underline">
                  {t('attention.look')}
                </Link>
              )}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** What the node itself found, by its id, and where it is mended. */
const places = {
  lost: '/site', 'disk-full': '/settings', 'disk-low': '/settings', audit: '/audit', certificate: '/site', hub: '/settings', backup: '/settings', time: undefined, quarantine: '/devices', leader: '/site',
} as const;
type Known = keyof typeof places;

/** useMatters says them in the reader's language; the node's own sentence, which has the figures, stands below. */
function useMatters(s: Status): Matter[] {
  const { t } = useTranslation();
  const f = useFormats();
  return (s.attention ?? []).map((a) => {
    const key = `attention/${a.id}`;
    const tone: Tone = a.severity === 'critical' ? 'bad' : 'warn';
    const own = <Own text={a.text} />;
    if (!((a.id ?? '') in places)) return { key, tone, text: own, hint: <Own text={a.hint} /> };
    const id = a.id as Known;
    const hint = (
      <>
        <span className="block">{t(`attentionDo.${id}`)}</span>
        <span className="block text-xs">
          {own} · {t('attention.since', { when: f.ago(a.since) })}
        </span>
      </>
    );
    return { key, tone, text: t(`attentionOf.${id}`), hint, to: places[id] };
  });
}

/** Certificates last seven days and are renewed half way: one that has two left was not renewed. */
const soon = 2 * 86_400_000;

function useParts(s: Status): Matter[] {
  const { t } = useTranslation();
  const f = useFormats();
  const name = usePartName();
  const code = useCode();
  const found: Matter[] = [];
  const told = new Set((s.attention ?? []).map((a) => a.id));
  for (const p of s.parts ?? []) {
    if (told.has(p.name)) continue;
    if (p.level !== 'failed' && p.level !== 'degraded') continue;
    const hint = (
      <>
        {p.text && <Own text={p.text} />} {p.hint && <Own text={p.hint} />}
      </>
    );
    found.push({ key: `part/${p.name}`, tone: p.level === 'failed' ? 'bad' : 'warn', text: `${name(p.name)}: ${code('level', p.level)}`, hint });
  }
  for (const a of s.hub?.alarms ?? []) found.push({ key: a, tone: 'bad', text: <Own text={a} />, to: '/hub' });
  for (const m of s.members ?? []) {
    const until = m.certifiedUntil ? Date.parse(m.certifiedUntil) : undefined;
    if (until && until - Date.now() < soon && !(m.self && told.has('certificate'))) found.push({ key: `cert/${m.node}`, tone: 'warn', text: t('attention.certificate', { when: f.ago(m.certifiedUntil) }), to: '/site' });
  }
  return found;
}

function useDeviceMatters(): Matter[] {
  const { t } = useTranslation();
  const f = useFormats();
  const who = useQuery({ ...me, enabled: false }).data;
  const alarm = useQuery({ ...alarms(''), enabled: may(who, 'readings.read') }).data?.readings?.[0];
  const unread = useQuery({ ...quarantine(''), enabled: may(who, 'quarantine.read') }).data?.messages ?? [];
  const found: Matter[] = [];
  const recent = (time?: string) => time !== undefined && Date.now() - Date.parse(time) < 86_400_000;
  if (alarm && recent(alarm.time)) {
    const text = (
      <>
        {t('attention.alarm')} <bdi>{alarm.device}</bdi>
      </>
    );
    found.push({ key: 'alarm', tone: 'bad', text, hint: f.ago(alarm.time), to: '/devices' });
  }
  if (unread.some((m) => recent(m.time))) found.push({ key: 'quarantine', tone: 'warn', text: t('attention.quarantine', { count: unread.length }), hint: t('attention.quarantineHint'), to: '/devices' });
  return found;
}
