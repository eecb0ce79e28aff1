import { useParams } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import NotFound from '../NotFound';
import Accounts from './Accounts';
import Approvals from './Approvals';
import Bank from './Bank';
import Books from './Books';
import Case from './Case';
import DeskZakat from './DeskZakat';
import FundPage from './FundPage';
import Funds from './Funds';
import Zakat from './Zakat';

const pages: Record<string, ComponentType<{ id: string }>> = { funds: FundPage, approvals: Approvals, zakat: Zakat, bank: Bank, accounts: Accounts, books: Books };

/** The pages of the treasury by their address below it. What the app loads first knows of one of them only. */
export default function Treasury() {
  const [name = '', id = ''] = ((useParams({ strict: false }) as { _splat?: string })._splat ?? '').split('/');
  if (!name) return <Funds />;
  const Page = name === 'zakat' && id ? (id === 'desk' ? DeskZakat : Case) : pages[name];
  return Page ? <Page id={decodeURIComponent(id)} /> : <NotFound />;
}
