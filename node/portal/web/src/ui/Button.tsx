import type { ButtonHTMLAttributes, ReactNode } from 'react';

type Look = 'main' | 'plain' | 'quiet' | 'danger';

const looks: Record<Look, string> = {
  main: 'bg-accent text-on-accent hover:opacity-90',
  plain: 'bg-card text-ink border border-line hover:bg-raised',
  quiet: 'text-ink hover:bg-raised',
  danger: 'bg-bad-ground text-bad border border-bad/40 hover:border-bad',
};

const shape =
  'inline-flex min-h-10 items-center justify-center gap-2 rounded-lg px-3.5 py-1.5 text-sm font-medium transition disabled:opacity-50';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  busy?: boolean;
}

export function Button({ look = 'plain', busy = false, className = '', disabled, type = 'button', ...rest }: Props) {
  return (
    <button type={type} aria-busy={busy || undefined} disabled={disabled || busy} className={`${shape} ${looks[look]} ${className}`} {...rest} />
  );
}

export const linkLooks = (look: Look = 'plain') => `${shape} ${looks[look]}`;

/** A button that shows only a picture needs its name said. */
export function IconButton({ label, children, className = '', ...rest }: Props & { label: string; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-10 items-center justify-center rounded-lg text-soft hover:bg-raised hover:text-ink ${className}`}
      {...rest}
    >
      {children}
    </button>
  );
}
