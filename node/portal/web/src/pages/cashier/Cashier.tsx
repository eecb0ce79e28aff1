import { Suspense, lazy, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { outbox } from '@/api/outbox';
import { useStore } from '@/api/store';
import { Page } from '@/ui/Page';
import { Skeleton } from '@/ui/States';
import { Take } from './Take';
import { waitingPayments } from './waiting';

const Holds = lazy(() => import('./Holds'));
const Codes = lazy(() => import('./Codes'));
const Today = lazy(() => import('./Today'));

const tabs = ['take', 'holds', 'codes', 'today'] as const;

/** The counter, for one hand: what is done all day lies first, and what waits is counted on the tab of the day. */
export default function Cashier() {
  const { t } = useTranslation();
  const [tab, setTab] = useState<(typeof tabs)[number]>('take');
  const waiting = waitingPayments(useStore(outbox)).length;
  const names = { take: t('cashier.take'), holds: t('cashier.holds'), codes: t('cashier.codes'), today: t('cashier.today') };
  return (
    <Page title={t('nav.cashier')}>
      <div role="tablist" aria-label={t('nav.cashier')} className="grid max-w-xl grid-cols-4 gap-1 rounded-xl bg-raised p-1">
        {tabs.map((x) => (
          <button
            key={x}
            id={`tab-${x}`}
            type="button"
            role="tab"
            aria-selected={tab === x}
            aria-controls="counter"
            onClick={() => setTab(x)}
            className={`min-h-10 rounded-lg px-1 text-sm font-medium ${tab === x ? 'bg-card text-accent shadow-sm' : 'text-soft'}`}
          >
            {names[x]}
            {x === 'today' && waiting > 0 && <span className="figures ms-1 rounded-full bg-warn-ground px-1.5 text-xs text-warn">{waiting}</span>}
          </button>
        ))}
      </div>
      <div id="counter" role="tabpanel" aria-labelledby={`tab-${tab}`} className="space-y-4">
        <Suspense fallback={<Skeleton lines={5} />}>
          {tab === 'take' && <Take />}
          {tab === 'holds' && <Holds />}
          {tab === 'codes' && <Codes />}
          {tab === 'today' && <Today />}
        </Suspense>
      </div>
    </Page>
  );
}
