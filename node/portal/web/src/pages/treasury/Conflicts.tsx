import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { type Payment, type PaymentConflict, conflicts } from '@/api/money/payments';
import { useFormats } from '@/i18n/format';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Money, useMoneyText } from '@/ui/Money';
import { useAttempt } from '@/ui/useAttempt';
import { useDone, useTreasury } from './Frame';

/** Payments of which somebody told something that does not fit. Nothing is said where there are none. */
export function Conflicts() {
  const { t } = useTranslation();
  const { may } = useTreasury();
  const query = useInfiniteQuery({ ...conflicts, enabled: may('wallet.reconcile') });
  const list = (query.data?.pages.flatMap((p) => p.payments ?? []) ?? []).flatMap((p) => (p.conflicts ?? []).filter((c) => !c.decision || c.decision === 'undecided').map((c) => ({ p, c })));
  if (list.length === 0) return null;
  return (
    <Card title={t('treasury.conflicts')}>
      <ul className="divide-y divide-line">
        {list.map(({ p, c }) => (
          <Row key={`${p.id}/${c.number ?? 0}`} payment={p} conflict={c} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button className="mt-3" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </Card>
  );
}

function Row({ payment: p, conflict: c }: { payment: Payment; conflict: PaymentConflict }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { away } = useTreasury();
  const money = useMoneyText();
  const attempt = useAttempt();
  const done = useDone();
  const decide = (accept: boolean) =>
    attempt(async () => {
      await command('POST', `/v1/wallet/payments/${encodeURIComponent(p.id)}/decide`, { number: c.number ?? 0, accept });
      done(t('treasury.decided'));
    });
  return (
    <li className="space-y-2 py-3 first:pt-0 last:pb-0">
      <p className="text-sm font-medium">{t(`conflict.${(c.reason ?? 'amount_differs') as 'amount_differs'}`)}</p>
      <p className="text-sm text-soft">
        {f.moment(c.time)} · <bdi className="latin font-mono">{p.reference || p.id}</bdi> · {t('treasury.expected')} <Money minor={p.amount} asset={p.asset} /> · {t('treasury.came')} <Money minor={c.amount} asset={c.asset || p.asset} />
      </p>
      {!away && (
        <div className="flex flex-wrap gap-2">
          <Confirm danger={false} label={t('treasury.conflictAccept')} title={t('treasury.conflictAccept')} text={t('treasury.conflictAcceptText', { sum: money(c.amount, c.asset || p.asset) })} onConfirm={() => decide(true)} />
          <Confirm label={t('treasury.conflictReject')} title={t('treasury.conflictReject')} text={t('treasury.conflictRejectText')} onConfirm={() => decide(false)} />
        </div>
      )}
    </li>
  );
}
