import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { may, me } from '@/api/identity';
import { useStore } from '@/api/store';
import { Notice } from '@/ui/Badge';
import { Page } from '@/ui/Page';
import { toast } from '@/ui/toast';

const parts = [
  { to: '/treasury', name: 'funds', needs: 'wallet.report' },
  { to: '/treasury/approvals', name: 'approvals', needs: 'wallet.read' },
  { to: '/treasury/zakat', name: 'zakat', needs: 'zakat.case' },
  { to: '/treasury/bank', name: 'bank', needs: 'wallet.report' },
  { to: '/treasury/accounts', name: 'accounts', needs: 'wallet.read' },
  { to: '/treasury/books', name: 'books', needs: 'wallet.read' },
] as const;

/**
 * useTreasury is who looks after the money here, and whether anything can be changed now. Nothing of a treasurer's waits in
 * this browser: what was decided on might be another thing by the time it is sent.
 */
export function useTreasury() {
  const who = useQuery({ ...me, enabled: false }).data;
  const { reachable } = useStore(connection);
  return { id: who?.id, may: (permission: string) => may(who, permission), away: !reachable };
}

/** useDone says that something was done, and has every page read again. */
export function useDone() {
  const client = useQueryClient();
  return (text: string) => {
    toast({ tone: 'good', text });
    void client.invalidateQueries();
  };
}

/** Frame is a page of the treasury among its parts. */
export function Frame({ title, lead, action, children }: { title: string; lead?: ReactNode; action?: ReactNode; children: ReactNode }) {
  const { t } = useTranslation();
  const { may, away } = useTreasury();
  return (
    <Page title={title} lead={lead} action={action}>
      <nav aria-label={t('treasury.parts')} className="-mx-4 flex gap-1 overflow-x-auto border-b border-line px-4 lg:mx-0 lg:px-0">
        {parts
          .filter((p) => may(p.needs))
          .map((p) => (
            <Link
              key={p.to}
              to={p.to}
              activeOptions={{ exact: p.to === '/treasury' }}
              className="-mb-px inline-flex min-h-11 items-center border-b-2 border-transparent px-3 text-sm font-medium whitespace-nowrap text-soft hover:text-ink"
              activeProps={{ className: 'border-accent! text-accent!', 'aria-current': 'page' }}
            >
              {t(`treasury.part_${p.name}`)}
            </Link>
          ))}
      </nav>
      {away && <Notice tone="warn">{t('treasury.away')}</Notice>}
      {children}
    </Page>
  );
}
