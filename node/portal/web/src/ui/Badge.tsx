import { AlertTriangle, CheckCircle2, CircleDashed, XCircle } from 'lucide-react';
import type { ReactNode } from 'react';

export type Tone = 'good' | 'warn' | 'bad' | 'none';

const tones: Record<Tone, string> = {
  good: 'bg-good-ground text-good',
  warn: 'bg-warn-ground text-warn',
  bad: 'bg-bad-ground text-bad',
  none: 'bg-raised text-soft',
};

const signs = { good: CheckCircle2, warn: AlertTriangle, bad: XCircle, none: CircleDashed };

/** toneOf maps a level of the node's parts. The sign differs too: colour alone says nothing to many eyes. */
export function toneOf(level: string | undefined): Tone {
  if (level === 'ok') return 'good';
  if (level === 'degraded') return 'warn';
  return level === 'failed' ? 'bad' : 'none';
}

export function Sign({ tone, size = 18 }: { tone: Tone; size?: number | string }) {
  const Icon = signs[tone];
  const colour = { good: 'text-good', warn: 'text-warn', bad: 'text-bad', none: 'text-soft' }[tone];
  return <Icon size={size} aria-hidden className={`shrink-0 ${colour}`} />;
}

export function Badge({ tone = 'none', children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${tones[tone]}`}>
      {children}
    </span>
  );
}

/** A Notice is a sentence about the page, and perhaps what to do about it. */
export function Notice({ tone, children, hint }: { tone: Tone; children: ReactNode; hint?: ReactNode }) {
  return (
    <div role={tone === 'bad' ? 'alert' : undefined} className={`flex items-start gap-2.5 rounded-lg px-3.5 py-2.5 text-sm ${tones[tone]}`}>
      <span className="mt-0.5">
        <Sign tone={tone} />
      </span>
      <div className="min-w-0">
        <p className="font-medium break-words">{children}</p>
        {hint && <p className="break-words">{hint}</p>}
      </div>
    </div>
  );
}
