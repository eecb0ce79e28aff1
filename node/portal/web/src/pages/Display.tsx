import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type CSSProperties, type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { methods } from '@/api/devices';
import { reader } from '@/api/http';
import { type Ledger, ledger, welcome } from '@/api/node';
import { useStore } from '@/api/store';
import { useLive } from '@/api/useLive';
import { useFormats } from '@/i18n/format';
import { type Tone, Sign } from '@/ui/Badge';
import { useAwake } from './useAwake';

/**
 * The page for a screen on a wall: no sign-in, nothing personal, legible from across a hall, and right or
 * honest about its age when the network is gone.
 */
export default function Display() {
  const client = useQueryClient();
  // Nobody is signed in at a wall; what is kept of it belongs to nobody.
  useState(() => (reader.user = ''));
  const site = useQuery(welcome).data;
  const query = useQuery({ ...ledger, refetchInterval: 15_000, retry: true });
  useLive<Ledger>(methods.watchLedger, {}, (l) => client.setQueryData(ledger.queryKey, l));
  useAwake();
  const now = useClock();
  const f = useFormats();
  useEffect(() => {
    document.title = 'AiElon Edge';
  }, []);
  return (
    <main className="flex min-h-dvh flex-col justify-between gap-[3vmin] overflow-hidden p-[4vmin]">
      <header className="flex items-start justify-between gap-6">
        <div className="min-w-0">
          <h1 className="truncate text-[clamp(1.5rem,6vmin,5rem)] leading-tight font-semibold">
            <bdi>{site?.siteName || site?.site || 'AiElon Edge'}</bdi>
          </h1>
          <p className="text-[clamp(0.9rem,3.2vmin,3rem)] text-soft">
            {f.day(now)} · {f.hijri(now)}
          </p>
        </div>
        <time className="figures text-[clamp(2rem,12vmin,11rem)] leading-none font-semibold whitespace-nowrap">{f.clock(now)}</time>
      </header>
      <Figures ledger={query.data ?? {}} known={query.data !== undefined} />
      <Verdict ledger={query.data ?? {}} known={query.data !== undefined} />
    </main>
  );
}

function Figures({ ledger, known }: { ledger: Ledger; known: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const total = ledger.total ?? {};
  const lost = Number(total.lost ?? 0) > 0;
  const figure = (name: ReactNode, n: string | undefined, colour = '') => (
    <div className="flex min-w-0 flex-col-reverse gap-[1.2vmin]">
      <dt className="text-[clamp(1rem,4.4vmin,4rem)] leading-tight text-soft">{name}</dt>
      <dd className={`figures text-[min(18vmin,150vw/var(--longest))] leading-none font-semibold sm:text-[min(21vmin,75vw/var(--longest))] ${colour}`}>{known ? f.count(n) : '–'}</dd>
    </div>
  );
  return (
    // As large as the longest of them allows, and all alike.
    <dl style={{ '--longest': Math.max(4, f.count(total.accepted).length) } as CSSProperties} className="grid grow grid-cols-1 content-evenly gap-[3vmin] sm:grid-cols-2">
      {figure(t('ledger.accepted'), total.accepted)}
      {figure(t('ledger.onHub'), total.onHub)}
      {figure(t('ledger.waiting'), total.waiting)}
      {figure(t('ledger.lost'), total.lost, lost ? 'text-bad' : 'text-good')}
    </dl>
  );
}

function Verdict({ ledger, known }: { ledger: Ledger; known: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { reachable } = useStore(connection);
  const lost = Number(ledger.total?.lost ?? 0);
  const lines: [Tone, string][] = [];
  if (!reachable) lines.push(['warn', ledger.now ? t('display.old', { time: f.time(ledger.now) }) : t('connection.noNode')]);
  if (known) lines.push(lost === 0 ? ['good', t('ledger.nothingLost')] : ['bad', t('ledger.somethingLost', { count: lost })]);
  if (known && ledger.joined && !ledger.connected) lines.push(['warn', t('link.off')]);
  return (
    <ul className="flex flex-wrap gap-x-[5vmin] gap-y-2 text-[clamp(1.1rem,4.4vmin,4rem)] font-medium" aria-live="polite">
      {lines.map(([tone, text]) => (
        <li key={text} className="flex items-center gap-3">
          <Sign tone={tone} size="1.1em" />
          {text}
        </li>
      ))}
    </ul>
  );
}

function useClock(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
