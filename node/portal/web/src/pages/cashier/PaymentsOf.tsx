import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { newId } from '@/api/money/id';
import { type Payment, payments, refundPayment } from '@/api/money/payments';
import { type Outcome, useMove } from '@/api/money/useMove';
import { useStore } from '@/api/store';
import { toMinor, useMoney } from '@/i18n/money';
import { useFormats } from '@/i18n/format';
import { Said } from '@/pages/wallet/Outcome';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Money, MoneyField, useAmount, useMoneyText, useScale } from '@/ui/Money';
import { Loaded } from '@/ui/States';

/** What was paid into one account, newest first, to be given back in whole or in part. */
export function PaymentsOf({ account, onClose }: { account: string; onClose: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const query = useInfiniteQuery(payments(account));
  const [refund, setRefund] = useState<Payment>();
  if (refund) return <Refund payment={refund} onClose={() => setRefund(undefined)} />;
  return (
    <Dialog open side onClose={onClose} title={t('cashier.paymentsOf')}>
      <Loaded query={query}>
        {({ pages }) => (
          <ul className="divide-y divide-line">
            {pages
              .flatMap((p) => p.payments ?? [])
              .sort((a, b) => ((a.created ?? '') < (b.created ?? '') ? 1 : -1))
              .map((p) => (
                <li key={p.id} className="space-y-1.5 py-3">
                  <div className="flex items-center justify-between gap-3">
                    <span className="text-sm">
                      {f.moment(p.created)} · <bdi>{p.gateway}</bdi>
                    </span>
                    <State payment={p} />
                  </div>
                  <div className="flex items-center justify-between gap-3">
                    <span>
                      <Money minor={p.confirmed !== '0' ? p.confirmed : p.amount} asset={p.asset} className="font-semibold" />
                      {toMinor(p.returned) > 0n && (
                        <span className="block text-xs text-soft">
                          {t('cashier.back')} <Money minor={p.returned} asset={p.asset} />
                        </span>
                      )}
                    </span>
                    {rest(p) > 0n && <Button onClick={() => setRefund(p)}>{t('cashier.refund')}</Button>}
                  </div>
                </li>
              ))}
          </ul>
        )}
      </Loaded>
    </Dialog>
  );
}

/** rest is what came and was not given back. */
const rest = (p: Payment) => toMinor(p.confirmed) - toMinor(p.returned) - toMinor(p.refunding);

function State({ payment: p }: { payment: Payment }) {
  const { t } = useTranslation();
  if (p.suspended) return <Badge tone="warn">{t('cashier.stateSuspense')}</Badge>;
  if (p.state === 'PAYMENT_CONFIRMED') return <Badge tone="good">{t('cashier.statePaid')}</Badge>;
  if (p.state === 'PAYMENT_REFUNDED') return <Badge>{t('cashier.stateBack')}</Badge>;
  if (p.state === 'PAYMENT_FAILED') return <Badge>{t('cashier.stateFailed')}</Badge>;
  return <Badge tone="warn">{t('cashier.stateOpen')}</Badge>;
}

/** Giving back does not wait: whether the money is still there only the node knows. */
function Refund({ payment: p, onClose }: { payment: Payment; onClose: () => void }) {
  const { t } = useTranslation();
  const m = useMoney();
  const money = useMoneyText();
  const move = useMove();
  const { reachable } = useStore(connection);
  const asset = p.asset ?? '';
  const scale = useScale()(asset) ?? 0;
  const amount = useAmount(asset, m.plain(rest(p).toString(), scale));
  const [event] = useState(newId);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const tooMuch = amount.minor !== undefined && BigInt(amount.minor) > rest(p);
  const give = async () => {
    setBusy(true);
    setOutcome(await move(refundPayment(p.id, event, amount.minor!, { label: 'cashier.refunding', values: { amount: money(amount.minor, asset) } })));
    setBusy(false);
  };
  return (
    <Dialog open fixed={busy} onClose={onClose} title={t('cashier.refund')}>
      <div className="space-y-4">
        {!outcome && (
          <>
            <MoneyField label={t('wallet.amount')} asset={asset} value={amount.typed} onChange={amount.setTyped} error={tooMuch ? t('cashier.tooMuch') : undefined} />
            <p className="text-sm text-soft">{t(reachable ? 'cashier.refundNote' : 'cashier.cannotWait')}</p>
          </>
        )}
        {outcome && <Said outcome={outcome} id={p.id} done={t('cashier.refunded')} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose} disabled={busy}>
            {t(outcome ? 'common.close' : 'common.cancel')}
          </Button>
          {!outcome && (
            <Button look="main" busy={busy} disabled={!reachable || amount.minor === undefined || tooMuch} onClick={() => void give()}>
              {t('cashier.refundNow')}
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}
