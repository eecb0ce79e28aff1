import { QueryClient } from '@tanstack/react-query';
import { Outlet, createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { Suspense, lazy } from 'react';
import type { AuditFilter } from './api/audit';
import { connection } from './api/connection';
import { me } from './api/identity';
import { welcome } from './api/node';
import { Problem, Unreachable } from './api/problem';
import { asked } from './api/proof';
import { useStore } from './api/store';
import { learnCodes, learnMoney } from './i18n';
import { Shell } from './shell/Shell';
import { Toasts } from './shell/Toasts';
import { Failure, Skeleton } from './ui/States';

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      // navigator.onLine speaks of any network; the node may answer without one, or not answer with one.
      networkMode: 'always',
      staleTime: 5_000,
      gcTime: 600_000,
      retry: (n, e) => n < 2 && !(e instanceof Problem && e.status < 500) && !(e instanceof Unreachable),
    },
    mutations: { networkMode: 'always', retry: false },
  },
});

const Prove = lazy(() => import('./shell/Prove'));

function AskedProof() {
  const a = useStore(asked);
  return <Suspense>{a && <Prove {...a} />}</Suspense>;
}

const root = createRootRoute({
  component: () => (
    <>
      <Outlet />
      <AskedProof />
      <Toasts />
    </>
  ),
  errorComponent: ({ error, reset }) => <Failure error={error} retry={reset} />,
  notFoundComponent: lazyRouteComponent(() => import('./pages/NotFound')),
});

/** Signed-in pages. A site without an administrator is set up first; who is nobody signs in first. */
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  component: Shell,
  pendingComponent: () => <Skeleton />,
  beforeLoad: async ({ location }) => {
    try {
      await client.ensureQueryData(me);
    } catch (e) {
      if (e instanceof Unreachable) return; // the pages say so themselves
      const w = await client.fetchQuery(welcome).catch(() => undefined);
      if (w?.setupNeeded) throw redirect({ to: '/setup' });
      if (e instanceof Problem && e.status === 401) throw redirect({ to: '/sign-in', search: { next: location.href } });
      throw e;
    }
  },
});

const page = <P extends string>(path: P, load: () => Promise<{ default: () => React.ReactNode }>) =>
  createRoute({ getParentRoute: () => inside, path, component: lazyRouteComponent(load) });

/** A page that shows operations, permissions or events has their names in the language first. */
const named = <T,>(load: () => Promise<T>) => async () => (await Promise.all([load(), learnCodes()]))[0];

/** A page of money has its texts first, and the names of codes: those of refusals are among them. */
const money = <T,>(load: () => Promise<T>) => async () => (await Promise.all([load(), learnMoney()]))[0];

const open = <P extends string>(path: P, load: () => Promise<{ default: () => React.ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load) });

const word = (x: unknown) => (typeof x === 'string' && x ? x : undefined);

const tree = root.addChildren([
  inside.addChildren([
    page('/', () => import('./pages/home/Home')),
    page('/wallet', money(() => import('./pages/wallet/Wallet'))),
    page('/cashier', money(() => import('./pages/cashier/Cashier'))),
    page('/wallet/zakat', money(() => import('./pages/wallet/Zakat'))),
    page('/wallet/$account', money(() => import('./pages/wallet/AccountPage'))),
    page('/treasury', money(() => import('./pages/treasury/Treasury'))),
    page('/treasury/$', money(() => import('./pages/treasury/Treasury'))),
    page('/devices', named(() => import('./pages/devices/Devices'))),
    page('/devices/$id', named(() => import('./pages/devices/Device'))),
    page('/site', () => import('./pages/Site')),
    page('/hub', () => import('./pages/Hub')),
    page('/people', () => import('./pages/people/People')),
    page('/people/roles', named(() => import('./pages/people/Roles'))),
    page('/people/$id', named(() => import('./pages/people/PersonPage'))),
    createRoute({
      getParentRoute: () => inside,
      path: '/audit',
      // A filtered list can be sent to somebody: its address says all.
      validateSearch: (s: Record<string, unknown>): AuditFilter => ({
        actor: word(s.actor), op: word(s.op), kind: word(s.kind), about: word(s.about), request: word(s.request), from: word(s.from), to: word(s.to), refused: word(s.refused),
      }),
      component: lazyRouteComponent(named(() => import('./pages/audit/Audit'))),
    }),
    page('/audit/$journal/$epoch/$number', named(() => import('./pages/audit/AuditRecord'))),
    page('/tokens', named(() => import('./pages/tokens/Tokens'))),
    page('/programs', named(() => import('./pages/programs/Programs'))),
    page('/programs/$id', named(() => import('./pages/programs/ProgramPage'))),
    page('/webhooks', named(() => import('./pages/webhooks/Webhooks'))),
    page('/webhooks/$id', named(() => import('./pages/webhooks/WebhookPage'))),
    page('/settings', () => import('./pages/settings/Settings')),
    createRoute({
      getParentRoute: () => inside,
      path: '/search',
      validateSearch: (s: Record<string, unknown>): { q?: string; kind?: string } => ({ q: word(s.q), kind: word(s.kind) }),
      component: lazyRouteComponent(named(() => import('./pages/Search'))),
    }),
    page('/about', () => import('./pages/About')),
    page('/account', () => import('./pages/account/Account')),
  ]),
  createRoute({
    getParentRoute: () => root,
    path: '/sign-in',
    validateSearch: (s: Record<string, unknown>): { next?: string } => ({ next: inner(s.next) }),
    component: lazyRouteComponent(() => import('./pages/signin/SignIn')),
  }),
  open('/welcome', () => import('./pages/signin/Accept')),
  open('/setup', named(() => import('./pages/setup/Setup'))),
  open('/display', () => import('./pages/Display')),
  open('/install', () => import('./pages/Install')),
  open('/funds', money(() => import('./pages/funds/Funds'))),
  open('/funds/$id', money(() => import('./pages/funds/Fund'))),
  open('/funds/$id/screen', money(() => import('./pages/funds/Screen'))),
]);

/** Only a page of this node may follow signing in. */
function inner(next: unknown): string | undefined {
  return typeof next === 'string' && /^\/(?![/\\]|sign-in\b)/.test(next) ? next : undefined;
}

export const router = createRouter({ routeTree: tree, defaultPreload: 'intent', defaultPendingMs: 150, scrollRestoration: true });

connection.subscribe(() => {
  if (connection.get().reachable) void router.invalidate();
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
