import { useParams } from '@tanstack/react-router';
import { type ComponentType, Suspense, lazy } from 'react';
import { Skeleton } from '@/ui/States';
import NotFound from '../NotFound';
import Funds from './Funds';

const pages: Record<string, ComponentType<{ id: string }>> = {
  funds: lazy(() => import('./FundPage')),
  approvals: lazy(() => import('./Approvals')),
  zakat: lazy(() => import('./Zakat')),
  bank: lazy(() => import('./Bank')),
  accounts: lazy(() => import('./Accounts')),
  books: lazy(() => import('./Books')),
};
const Case = lazy(() => import('./Case'));
const DeskZakat = lazy(() => import('./DeskZakat'));

/** The pages of the treasury by their address below it. What the app loads first knows of one of them only. */
export default function Treasury() {
  const [name = '', id = ''] = ((useParams({ strict: false }) as { _splat?: string })._splat ?? '').split('/');
  if (!name) return <Funds />;
  const Page = name === 'zakat' && id ? (id === 'desk' ? DeskZakat : Case) : pages[name];
  if (!Page) return <NotFound />;
  return (
    <Suspense fallback={<Skeleton lines={6} />}>
      <Page id={decodeURIComponent(id)} />
    </Suspense>
  );
}
