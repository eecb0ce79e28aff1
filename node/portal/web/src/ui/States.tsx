import type { UseQueryResult } from '@tanstack/react-query';
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './Button';
import { Notice } from './Badge';
import { useSentence } from './useSentence';

/** Skeleton stands where something is about to be, so that nothing jumps. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  const { t } = useTranslation();
  return (
    <div role="status" aria-label={t('common.loading')} className="space-y-2.5 p-4">
      {Array.from({ length: lines }, (_, i) => (
        <div key={i} className="h-4 animate-[breathe_1.6s_ease-in-out_infinite] rounded bg-raised" style={{ width: `${92 - ((i * 23) % 45)}%` }} />
      ))}
    </div>
  );
}

/** Empty says what would be here, and what to do to have it. */
export function Empty({ icon: Icon, title, children, action }: { icon: LucideIcon; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-10 text-center">
      <span className="rounded-full bg-raised p-3 text-soft">
        <Icon size={24} aria-hidden />
      </span>
      <p className="font-semibold">{title}</p>
      {children && <p className="max-w-md text-sm text-soft">{children}</p>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const { text, hint } = useSentence()(error);
  return (
    <div className="space-y-3 p-4">
      <Notice tone="bad" hint={hint}>
        {text}
      </Notice>
      {retry && <Button onClick={retry}>{t('common.again')}</Button>}
    </div>
  );
}

/** Loaded shows a query in each of its states. What came before stays on show while newer is fetched. */
export function Loaded<T>({ query, lines, children }: { query: UseQueryResult<T>; lines?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <Failure error={query.error} retry={() => void query.refetch()} />;
  return <Skeleton lines={lines} />;
}
