import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { Account } from '@/api/money/ledger';
import { type BankEntry, type EntryState, type Proposal, bankEntries, entryPath, entryStates } from '@/api/reconcile';
import { useFormats } from '@/i18n/format';
import { Badge, Notice, type Tone } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Failure, Skeleton } from '@/ui/States';
import { useAttempt } from '@/ui/useAttempt';
import { EntryDialog } from './EntryDialog';
import { useDone, useTreasury } from './Frame';
import { Choice } from './Plot';
import { useDays } from '../funds/useDays';

const tones: Record<EntryState, Tone> = { ENTRY_MATCHED: 'good', ENTRY_PROPOSED: 'warn', ENTRY_OPEN: 'warn', ENTRY_IGNORED: 'none' };
const wanted = ['', ...entryStates] as const;

/** What the bank booked, and what each entry stands for in the ledger. */
export function BankEntries({ account, statement }: { account: Account; statement: string }) {
  const { t } = useTranslation();
  const { away } = useTreasury();
  const [state, setState] = useState<(typeof wanted)[number]>('');
  const query = useInfiniteQuery({ ...bankEntries(account.id, statement, state), refetchInterval: (q) => (q.state.data?.pages.some((p) => p.entries?.some((e) => e.waiting)) ? 2_000 : false) });
  const list = query.data?.pages.flatMap((p) => p.entries ?? []) ?? [];
  const [one, setOne] = useState<BankEntry>();
  return (
    <Card title={t(statement ? 'treasury.entriesOf' : 'treasury.entriesAll')}>
      <Choice label={t('treasury.show')} all={wanted} one={state} onChoose={setState} say={(s) => (s ? t(`entryState.${s}`) : t('treasury.show_all'))} />
      {query.isPending && <Skeleton lines={5} />}
      {query.error && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.data?.pages.some((p) => p.partial) && <Notice tone="warn">{t('treasury.partial')}</Notice>}
      {query.data && list.length === 0 && <p className="py-3 text-sm text-soft">{t('treasury.entriesNone')}</p>}
      <ul className="-mx-4 mt-2 divide-y divide-line">
        {list.map((e) => (
          <Row key={e.id} entry={e} onOther={away ? undefined : () => setOne(e)} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button className="mt-3" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
      {one && <EntryDialog account={account} entry={one} onClose={() => setOne(undefined)} />}
    </Card>
  );
}

function Row({ entry: e, onOther }: { entry: BankEntry; onOther?: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const days = useDays();
  const attempt = useAttempt();
  const done = useDone();
  const state = e.state ?? 'ENTRY_OPEN';
  const match = (p: Proposal) =>
    attempt(async () => {
      await command('POST', `${entryPath(e.id)}:match`, p.payment ? { payment: p.payment } : { transfers: [p.transfer] });
      done(t('treasury.matched'));
    });
  return (
    <li className="space-y-2 px-4 py-3">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-1">
        <div className="min-w-0 grow basis-44">
          <bdi className="block truncate font-medium">{e.counterparty || e.remittance || t('treasury.entry')}</bdi>
          <p className="text-xs text-soft">
            {days.date(e.booked)}
            {e.remittance && (
              <>
                {' · '}
                <bdi className="break-words">{e.remittance}</bdi>
              </>
            )}
          </p>
        </div>
        <Money minor={e.amount} asset={e.asset} plus className="ms-auto font-semibold" />
        <Badge tone={tones[state]}>{e.waiting ? t('treasury.matching') : t(`entryState.${state}`)}</Badge>
      </div>
      {e.conflict && <Notice tone="bad">{t('treasury.entryConflict')}</Notice>}
      {e.reason && (
        <p className="text-sm text-soft">
          <bdi>{e.reason}</bdi>
        </p>
      )}
      {state === 'ENTRY_PROPOSED' &&
        e.proposals?.map((p) => (
          <div key={p.payment ?? p.transfer} className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg bg-raised px-3 py-2 text-sm">
            <span className="min-w-0 grow basis-44">
              {t(p.payment ? 'treasury.aPayment' : 'treasury.aTransfer', { time: f.moment(p.time) })} <Money minor={p.amount} asset={e.asset} plus className="font-medium" />
              <span className="block text-xs text-soft">{t(`proposal.${p.reason ?? 'amount'}`)}</span>
            </span>
            <Button disabled={!onOther} onClick={() => void match(p)}>
              {t('treasury.match')}
            </Button>
          </div>
        ))}
      {onOther && !e.waiting && (
        <div className="flex justify-end">
          <Button look="quiet" onClick={onOther}>
            {t(state === 'ENTRY_MATCHED' || state === 'ENTRY_IGNORED' ? 'treasury.takeBack' : 'treasury.entryElse')}
          </Button>
        </div>
      )}
    </li>
  );
}
