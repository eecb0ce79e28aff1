import type { ReactNode } from 'react';

interface Props {
  title?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
  flush?: boolean;
  className?: string;
}

/** A Card is one subject. Flush leaves the edges to a table or list inside. */
export function Card({ title, action, children, flush = false, className = '' }: Props) {
  return (
    <section className={`min-w-0 rounded-xl border border-line bg-card ${className}`}>
      {title && (
        <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-3 px-4 pt-2">
          <h2 className="text-sm font-semibold">{title}</h2>
          {action}
        </header>
      )}
      <div className={flush ? 'overflow-hidden rounded-xl' : `px-4 pb-4 ${title ? 'pt-1' : 'pt-4'}`}>{children}</div>
    </section>
  );
}

/** Facts is a list of names and values, for what is read and not worked with. */
export function Facts({ rows }: { rows: [ReactNode, ReactNode][] }) {
  return (
    <dl className="divide-y divide-line text-sm">
      {rows.map(([name, value], i) => (
        <div key={i} className="flex flex-wrap justify-between gap-x-4 py-2">
          <dt className="text-soft">{name}</dt>
          <dd className="figures ms-auto min-w-0 text-end font-medium break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
