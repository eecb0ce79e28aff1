import { useInfiniteQuery } from '@tanstack/react-query';
import { Hourglass } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { newId } from '@/api/money/id';
import { type Transfer, createTransfer, holds, postHold, voidHold } from '@/api/money/ledger';
import { type Outcome, useMove } from '@/api/money/useMove';
import { useStore } from '@/api/store';
import { sum, useMoney } from '@/i18n/money';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { Move } from '@/pages/wallet/Move';
import { Said } from '@/pages/wallet/Outcome';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Field, Select } from '@/ui/Field';
import { Money, MoneyField, useAmount, useMoneyText, useScale } from '@/ui/Money';
import { Empty, Loaded } from '@/ui/States';
import { ChooseAccount, whose } from './ChooseAccount';
import { useAccounts, useSuspense } from './useDesk';

/** Money that is kept aside for somebody: whole or in part it is taken, or let go again. */
export default function Holds() {
  const { t } = useTranslation();
  const { reachable } = useStore(connection);
  const query = useInfiniteQuery({ ...holds(), refetchInterval: 15_000 });
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<Transfer>();
  useTick(30_000);
  return (
    <>
      {!reachable && <Notice tone="warn">{t('cashier.holdsNeedNode')}</Notice>}
      <Button look="main" disabled={!reachable} className="min-h-12 w-full sm:w-auto" onClick={() => setMaking(true)}>
        {t('cashier.hold')}
      </Button>
      <Card title={t('cashier.openHolds')} flush>
        <Loaded query={query}>
          {({ pages }) => {
            const all = pages.flatMap((p) => p.holds ?? []);
            if (all.length === 0)
              return (
                <Empty icon={Hourglass} title={t('cashier.noHolds')}>
                  {t('cashier.noHoldsHint')}
                </Empty>
              );
            return (
              <ul className="divide-y divide-line border-t border-line">
                {all.map((h) => (
                  <Row key={h.id} hold={h} onEnd={() => setEnding(h)} />
                ))}
              </ul>
            );
          }}
        </Loaded>
        {query.hasNextPage && (
          <div className="p-4">
            <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t('common.more')}
            </Button>
          </div>
        )}
      </Card>
      {making && <NewHold onClose={() => setMaking(false)} />}
      {ending && <End hold={ending} onClose={() => setEnding(undefined)} />}
    </>
  );
}

/** Time that is left runs out while somebody looks. */
function useTick(every: number) {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((n) => n + 1), every);
    return () => clearInterval(timer);
  }, [every]);
}

const amountOf = (h: Transfer) => sum((h.legs ?? []).map((l) => l.amount));
const soon = 3_600_000; // ms

function Row({ hold: h, onEnd }: { hold: Transfer; onEnd: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const names = useNames();
  const { all } = useAccounts();
  const from = all.find((a) => a.id === h.legs?.[0]?.debit);
  const left = h.expires ? Date.parse(h.expires) - Date.now() : Infinity;
  return (
    <li>
      <button type="button" onClick={onEnd} className="flex w-full items-center justify-between gap-3 px-4 py-3 text-start hover:bg-raised/60">
        <span className="min-w-0">
          <bdi className="block truncate text-sm font-medium">{from ? whose(from, names.name) : `…${(h.legs?.[0]?.debit ?? '').slice(-6)}`}</bdi>
          <span className="block truncate text-xs text-soft">
            <bdi>{[h.reference, h.memo].filter(Boolean).join(' · ')}</bdi>
          </span>
        </span>
        <span className="shrink-0 text-end">
          <Money minor={amountOf(h)} asset={h.asset} className="block text-sm font-semibold" />
          {h.status === 'UNDER_REVIEW' ? <Badge tone="warn">{t('cashier.inReview')}</Badge> : <Badge tone={left < soon ? 'warn' : 'none'}>{h.expires ? t('cashier.ends', { when: f.ago(h.expires) }) : t('cashier.noEnd')}</Badge>}
        </span>
      </button>
    </li>
  );
}

/** The two ways a hold ends by hand. What is not taken goes back to whoever it was kept from. */
function End({ hold: h, onClose }: { hold: Transfer; onClose: () => void }) {
  const { t } = useTranslation();
  const m = useMoney();
  const money = useMoneyText();
  const move = useMove();
  const { reachable } = useStore(connection);
  const asset = h.asset ?? '';
  const scale = useScale()(asset) ?? 0;
  const whole = amountOf(h);
  const amount = useAmount(asset, m.plain(whole, scale));
  const [id] = useState(newId);
  const [busy, setBusy] = useState(false);
  const [ended, setEnded] = useState<{ outcome: Outcome; taken: boolean }>();
  const single = h.legs?.length === 1;
  const tooMuch = amount.minor !== undefined && BigInt(amount.minor) > BigInt(whole);
  const act = async (taken: boolean) => {
    setBusy(true);
    const values = { amount: money(taken ? amount.minor : whole, asset) };
    const c = taken ? postHold(h.id, id, amount.minor!, { label: 'cashier.posting', values }) : voidHold(h.id, id, { label: 'cashier.voiding', values });
    setEnded({ outcome: await move(c), taken });
    setBusy(false);
  };
  const review = h.status === 'UNDER_REVIEW';
  return (
    <Dialog open fixed={busy} onClose={onClose} title={t('cashier.endHold')}>
      <div className="space-y-4">
        {review && <Notice tone="warn">{t('money.review')}</Notice>}
        {!ended && !review && <MoneyField label={t('cashier.takeOfIt')} help={t('cashier.partHelp')} disabled={!single} asset={asset} value={amount.typed} onChange={amount.setTyped} error={tooMuch ? t('cashier.tooMuchHeld') : undefined} />}
        {!reachable && <p className="text-sm text-soft">{t('cashier.holdsNeedNode')}</p>}
        {ended && <Said outcome={ended.outcome} id={id} done={t(ended.taken ? 'cashier.posted' : 'cashier.voided')} />}
        <div className="flex flex-wrap justify-end gap-2">
          {ended || review ? (
            <Button onClick={onClose}>{t('common.close')}</Button>
          ) : (
            <>
              <Button look="danger" busy={busy} disabled={!reachable} onClick={() => void act(false)}>
                {t('cashier.letGo')}
              </Button>
              <Button look="main" busy={busy} disabled={!reachable || amount.minor === undefined || tooMuch} onClick={() => void act(true)}>
                {amount.minor !== undefined ? t('cashier.takeAmount', { amount: money(amount.minor, asset) }) : t('cashier.take')}
              </Button>
            </>
          )}
        </div>
      </div>
    </Dialog>
  );
}

const lengths = [2, 24, 72, 168, 720] as const; // hours

function NewHold({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const names = useNames();
  const { all } = useAccounts();
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [hours, setHours] = useState<number>(24);
  const [memo, setMemo] = useState('');
  const payer = all.find((a) => a.id === from);
  const asset = payer?.asset ?? '';
  const amount = useAmount(asset);
  const suspense = useSuspense();
  const house = all.filter((a) => a.kind === 'PAYABLE' && !suspense.has(a.id) && !a.owner && a.state === 'OPEN' && a.asset === asset && a.fund === payer?.fund);
  const payee = house.find((a) => a.id === to) ?? house[0];
  return (
    <Move
      title={t('cashier.hold')}
      onClose={onClose}
      ready={!!payer && !!payee && amount.minor !== undefined}
      verb={t('cashier.holdNow')}
      done={t('cashier.held')}
      note={t('cashier.holdNote')}
      facts={[
        [t('wallet.from'), payer && <bdi>{whose(payer, names.name)}</bdi>],
        [t('wallet.to'), payee && <bdi>{whose(payee, names.name)}</bdi>],
        [t('wallet.amount'), <Money key="a" minor={amount.minor} asset={asset} />],
        [t('cashier.length'), <Length key="l" hours={hours} />],
      ]}
      command={(id) =>
        createTransfer(
          { id, debit: from, credit: payee!.id, amount: amount.minor!, asset, hold: true, timeoutSeconds: hours * 3600, ...(memo && { memo }) },
          { label: 'cashier.holding', values: { amount: money(amount.minor, asset), name: payer ? whose(payer, names.name) : '' } },
        )
      }
    >
      <ChooseAccount label={t('wallet.from')} value={from} onChange={setFrom} of={(a) => a.kind === 'MEMBER'} />
      {payer && house.length === 0 && <Notice tone="warn">{t('cashier.noHouse')}</Notice>}
      {house.length > 0 && (
        <Select label={t('wallet.to')} value={payee?.id ?? ''} onChange={(e) => setTo(e.target.value)}>
          {house.map((a) => (
            <option key={a.id} value={a.id}>
              {whose(a, names.name)}
            </option>
          ))}
        </Select>
      )}
      <MoneyField label={t('wallet.amount')} asset={asset} value={amount.typed} onChange={amount.setTyped} />
      <Select label={t('cashier.length')} value={hours} onChange={(e) => setHours(Number(e.target.value))}>
        {lengths.map((h) => (
          <option key={h} value={h}>
            {h < 48 ? t('devices.hours', { count: h }) : t('devices.days', { count: h / 24 })}
          </option>
        ))}
      </Select>
      <Field label={t('wallet.memo')} maxLength={140} value={memo} onChange={(e) => setMemo(e.target.value)} />
    </Move>
  );
}

function Length({ hours: h }: { hours: number }) {
  const { t } = useTranslation();
  return <>{h < 48 ? t('devices.hours', { count: h }) : t('devices.days', { count: h / 24 })}</>;
}
