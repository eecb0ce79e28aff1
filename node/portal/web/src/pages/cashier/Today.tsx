import { useQuery } from '@tanstack/react-query';
import { ReceiptText } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Entry } from '@/api/money/ledger';
import { entriesSince } from '@/api/money/ledger';
import { outbox } from '@/api/outbox';
import { Problem } from '@/api/problem';
import { useStore } from '@/api/store';
import { sum, toMinor } from '@/i18n/money';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { Badge, Notice } from '@/ui/Badge';
import { Card, Facts } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Empty } from '@/ui/States';
import { useSentence } from '@/ui/useSentence';
import { whose } from './ChooseAccount';
import { PaymentsOf } from './PaymentsOf';
import { type Desk, useAccounts, useDesks } from './useDesk';
import { type WaitingPayment, waitingPayments } from './waiting';

/** One line of the day: money that came into a drawer, or went back out of it. */
interface Line {
  entry: Entry;
  desk: Desk;
  /** Above zero: it came. What is held is on the debit side of the books. */
  came: bigint;
}

function midnight() {
  const d = new Date();
  d.setHours(0, 0, 0, 0);
  return d;
}

/** What came and went today, as the ledger has it, and apart from it what waits in this browser. */
export default function Today() {
  const { t } = useTranslation();
  const desks = useDesks().filter((d) => d.account && d.asset);
  const from = midnight();
  const query = useQuery({
    queryKey: ['entries', 'today', from.getTime(), desks.map((d) => d.account)],
    queryFn: ({ signal }) => Promise.all(desks.map((d) => entriesSince(d.account, from, signal))),
    refetchInterval: 15_000,
  });
  const found = query.data ?? [];
  const waiting = waitingPayments(useStore(outbox));
  const lines: Line[] = found
    .flatMap((q, i) => q.entries.filter((e) => e.kind !== 'hold').map((entry) => ({ entry, desk: desks[i]!, came: -toMinor(entry.amount) })))
    .sort((a, b) => ((a.entry.time ?? '') < (b.entry.time ?? '') ? 1 : -1));
  return (
    <>
      {waiting.length > 0 && <WaitingCard waiting={waiting} />}
      <Card title={t('cashier.totals')}>
        {query.error && !query.data ? <Notice tone="warn">{t('wallet.needsNode')}</Notice> : <Totals lines={lines} desks={desks} />}
        {found.some((q) => q.more) && <p className="mt-2 text-xs text-soft">{t('cashier.tooMany')}</p>}
      </Card>
      <Lines lines={lines} />
    </>
  );
}

function Totals({ lines, desks }: { lines: Line[]; desks: Desk[] }) {
  const { t } = useTranslation();
  const kinds = { GATEWAY_CASH: t('cashier.cash'), GATEWAY_BANK: t('cashier.bank'), GATEWAY_CARD: t('cashier.card') };
  return (
    <Facts
      rows={desks.map((d) => {
        const mine = lines.filter((l) => l.desk.account === d.account);
        const [into, back] = [mine.filter((l) => l.came > 0n), mine.filter((l) => l.came < 0n)];
        const total = (ls: Line[]) => ls.reduce((s, l) => s + l.came, 0n).toString();
        return [
          <span key="n">
            {d.kind && kinds[d.kind]} · <bdi>{d.gateway}</bdi>
          </span>,
          <span key="v">
            <Money minor={total(mine)} asset={d.asset} className="text-base" />
            <span className="block text-xs font-normal text-soft">
              {t('cashier.inAndBack', { count: into.length })} <Money minor={total(into)} asset={d.asset} />
              {back.length > 0 && (
                <>
                  {' · '}
                  {t('cashier.back')} <Money minor={(-BigInt(total(back))).toString()} asset={d.asset} />
                </>
              )}
            </span>
          </span>,
        ];
      })}
    />
  );
}

/** What waits is in no total of the ledger. It has its own. */
function WaitingCard({ waiting }: { waiting: WaitingPayment[] }) {
  const { t } = useTranslation();
  const f = useFormats();
  const names = useNames();
  const sentence = useSentence();
  const { all } = useAccounts();
  const open = waiting.filter((w) => !w.refused);
  const assets = [...new Set(open.map((w) => w.asset ?? ''))];
  return (
    <Card title={t('cashier.waitingTitle')} className="border-warn/50!">
      <p className="text-sm text-soft">{t('cashier.waitingText')}</p>
      {assets.map((a) => (
        <p key={a} className="mt-1 font-semibold">
          {t('cashier.waitingSum', { count: open.filter((w) => w.asset === a).length })} <Money minor={sum(open.filter((w) => w.asset === a).map((w) => w.amount))} asset={a} />
        </p>
      ))}
      <ul className="mt-2 divide-y divide-line">
        {waiting.map((w) => {
          const account = all.find((x) => x.id === w.account);
          const why = w.refused && sentence(new Problem(w.refused));
          return (
            <li key={w.id} className="space-y-1.5 py-2.5">
              <div className="flex items-center justify-between gap-3">
                <span className="min-w-0">
                  <bdi className="block truncate text-sm font-medium">{account ? whose(account, names.name) : `…${(w.account ?? w.id).slice(-6)}`}</bdi>
                  <span className="text-xs text-soft">{f.time(w.at)}</span>
                </span>
                <span className="flex shrink-0 items-center gap-2">
                  <Money minor={w.amount} asset={w.asset ?? account?.asset} className="text-sm" />
                  <Badge tone={w.refused ? 'bad' : 'warn'}>{t(w.refused ? 'outbox.refused' : 'outbox.waiting')}</Badge>
                </span>
              </div>
              {why && (
                <Notice tone="bad" hint={why.hint}>
                  {t('cashier.notTaken')} {why.text}
                </Notice>
              )}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

const shownAtFirst = 50;

function Lines({ lines }: { lines: Line[] }) {
  const { t } = useTranslation();
  const f = useFormats();
  const names = useNames();
  const { all } = useAccounts();
  const [of, setOf] = useState('');
  const other = (e: Entry) => all.find((a) => a.id === e.other);
  if (lines.length === 0)
    return (
      <Card flush>
        <Empty icon={ReceiptText} title={t('cashier.nothingToday')} />
      </Card>
    );
  return (
    <Card title={t('cashier.lines')} flush>
      <ul className="divide-y divide-line border-t border-line">
        {lines.slice(0, shownAtFirst).map((l) => {
          const a = other(l.entry);
          return (
            <li key={`${l.desk.account}/${l.entry.number}`}>
              <button type="button" onClick={() => setOf(l.entry.other ?? '')} className="flex w-full items-center justify-between gap-3 px-4 py-2.5 text-start hover:bg-raised/60">
                <span className="min-w-0">
                  <bdi className="block truncate text-sm font-medium">{a ? whose(a, names.name) : `…${(l.entry.other ?? '').slice(-6)}`}</bdi>
                  <span className="block text-xs text-soft">
                    {f.time(l.entry.time)} · <bdi>{l.desk.gateway}</bdi>
                  </span>
                </span>
                <Money minor={l.came.toString()} asset={l.desk.asset} plus className={`shrink-0 text-sm font-semibold ${l.came > 0n ? 'text-good' : ''}`} />
              </button>
            </li>
          );
        })}
      </ul>
      {lines.length > shownAtFirst && <p className="px-4 py-3 text-xs text-soft">{t('cashier.newestOnly', { count: shownAtFirst })}</p>}
      {of && <PaymentsOf account={of} onClose={() => setOf('')} />}
    </Card>
  );
}
