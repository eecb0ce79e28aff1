import { useQuery } from '@tanstack/react-query';
import { Inbox, Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '@/api/money/ledger';
import { type BankStatement, bankStatements } from '@/api/reconcile';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Empty, Loaded } from '@/ui/States';
import { BankEntries } from './BankEntries';
import { BankSummary } from './BankSummary';
import { Conflicts } from './Conflicts';
import { Frame, useTreasury } from './Frame';
import { ImportStatement } from './ImportStatement';
import { AccountField, stands, useAccounts } from './fields';
import { useDays } from '../funds/useDays';

/** What the bank says against what the books say. */
export default function Bank() {
  const { t } = useTranslation();
  const { may } = useTreasury();
  const list = useAccounts({ kind: 'BANK' }, may('wallet.read'));
  const [chosen, setChosen] = useState('');
  const account = list.find((a) => a.id === chosen) ?? list[0];
  return (
    <Frame title={t('treasury.bank')} lead={t('treasury.bankLead')}>
      <Conflicts />
      {list.length === 0 ? (
        <Card>
          <Empty icon={Inbox} title={t('treasury.bankNone')}>
            {t('treasury.bankNoneHint')}
          </Empty>
        </Card>
      ) : (
        <>
          {list.length > 1 && (
            <div className="max-w-xl">
              <AccountField label={t('treasury.account')} list={list} value={account?.id ?? ''} onChange={(e) => setChosen(e.target.value)} />
            </div>
          )}
          {account && may('wallet.reconcile') && <OfAccount key={account.id} account={account} />}
        </>
      )}
    </Frame>
  );
}

function OfAccount({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { away } = useTreasury();
  const query = useQuery({ ...bankStatements(account.id), refetchInterval: (q) => (q.state.data?.statements?.some((s) => s.waiting) ? 2_000 : false) });
  const [one, setOne] = useState('');
  const [importing, setImporting] = useState(false);
  const add = (
    <Button look="main" disabled={away} onClick={() => setImporting(true)}>
      <Plus size={18} aria-hidden />
      {t('treasury.import')}
    </Button>
  );
  return (
    <>
      <Card
        title={
          <>
            {t('treasury.inBooks')} <Money minor={stands(account)} asset={account.asset} />
          </>
        }
        action={add}
      >
        <Loaded query={query} lines={4}>
          {({ statements = [] }) =>
            statements.length === 0 ? (
              <p className="text-sm text-soft">{t('treasury.statementsNone')}</p>
            ) : (
              <ul className="-mx-4 divide-y divide-line">
                {statements.map((s) => (
                  <Row key={s.id} statement={s} chosen={s.id === one} onChoose={() => setOne(s.id === one ? '' : s.id)} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      {one && <BankSummary id={one} />}
      {query.data?.statements?.length ? <BankEntries account={account} statement={one} /> : null}
      {importing && <ImportStatement account={account} known={query.data} onClose={() => setImporting(false)} />}
    </>
  );
}

function Row({ statement: s, chosen, onChoose }: { statement: BankStatement; chosen: boolean; onChoose: () => void }) {
  const { t } = useTranslation();
  const days = useDays();
  const [from, until] = [days.date(s.from), days.date(s.until && new Date(new Date(s.until).getTime() - 1))];
  return (
    <li>
      <button type="button" aria-pressed={chosen} onClick={onChoose} className={`flex w-full flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5 text-start hover:bg-raised/60 ${chosen ? 'bg-accent-ground' : ''}`}>
        <span className="min-w-0 grow basis-44">
          <span className="block font-medium">{from === until ? from : t('treasury.span', { from, until })}</span>
          <span className="block text-xs text-soft">
            {t('treasury.entries', { count: s.entries ?? 0 })}
            {s.number && (
              <>
                {' · '}
                <bdi className="latin">{s.number}</bdi>
              </>
            )}
          </span>
        </span>
        {s.closing && <Money minor={s.closing} asset={s.asset} className="font-semibold" />}
        <span className="flex flex-wrap gap-1.5">
          {(s.waiting ?? 0) > 0 && <Badge>{t('treasury.matching')}</Badge>}
          {(s.open ?? 0) > 0 ? <Badge tone="warn">{t('treasury.openEntries', { count: s.open ?? 0 })}</Badge> : !s.waiting && <Badge tone="good">{t('treasury.allMatched')}</Badge>}
        </span>
      </button>
    </li>
  );
}
