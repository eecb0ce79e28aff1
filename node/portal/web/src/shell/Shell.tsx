import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { Suspense, lazy, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { methods } from '@/api/devices';
import { may, me } from '@/api/identity';
import { type Status, status } from '@/api/node';
import { Problem } from '@/api/problem';
import { useLive } from '@/api/useLive';
import { learnMoney } from '@/i18n';
import { Skeleton } from '@/ui/States';
import { Banner } from './Banner';
import { BottomBar, SideBar } from './Nav';
import type { Sheet } from './sheet';
import { TopBar } from './TopBar';
import { useAhead } from './useAhead';
import { useHotkey } from './useHotkey';

// What opens on demand is fetched on demand.
const loadPalette = () => import('./Palette');
const Palette = lazy(loadPalette);
const Menu = lazy(() => import('./Menu'));
// What waits may be a payment, on any page.
const OutboxSheet = lazy(async () => (await Promise.all([import('./OutboxSheet'), learnMoney()]))[0]);

export function Shell() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [sheet, setSheet] = useState<Sheet>();
  const who = useQuery(me);
  const sees = who.isSuccess && may(who.data, 'node.read');
  useQuery({ ...status, enabled: sees });
  useLive<Status>(methods.watchStatus, {}, (s) => client.setQueryData(status.queryKey, s), sees);
  useSignedOut(who.error);
  useAhead(who.data);
  useHotkey(() => setSheet('palette'));
  // Who presses the key types on at once.
  useEffect(() => void loadPalette(), []);
  const close = () => setSheet(undefined);
  return (
    <div className="lg:grid lg:grid-cols-[15rem_minmax(0,1fr)]">
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:start-2 focus:top-2 focus:z-50 focus:rounded-lg focus:bg-accent focus:px-3 focus:py-2 focus:text-on-accent">
        {t('nav.skip')}
      </a>
      <SideBar />
      <div className="flex min-h-dvh min-w-0 flex-col">
        <TopBar onOpen={setSheet} />
        <Banner />
        <main id="main" tabIndex={-1} className="grow pb-24 outline-none lg:pb-8">
          <Suspense fallback={<Skeleton lines={6} />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <BottomBar onMore={() => setSheet('menu')} />
      <Suspense>
        {sheet === 'palette' && <Palette onClose={close} />}
        {sheet === 'menu' && <Menu onClose={close} />}
        {sheet === 'outbox' && <OutboxSheet onClose={close} />}
      </Suspense>
    </div>
  );
}

/** useSignedOut leads to the door once the session has ended, and back to this page after. */
function useSignedOut(error: Error | null) {
  const go = useNavigate();
  const { href, pathname } = useRouterState({ select: (s) => s.location });
  const over = error instanceof Problem && error.status === 401;
  const leaving = pathname === '/sign-in'; // this page stays on until the next one is there
  useEffect(() => {
    if (over && !leaving) void go({ to: '/sign-in', search: { next: href } });
  }, [over, leaving, go, href]);
}
