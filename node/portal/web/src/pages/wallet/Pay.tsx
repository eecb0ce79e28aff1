import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { isId } from '@/api/money/id';
import { type DecodedQr, decodeQr, invoice as invoiceOf, payInvoice, payQr } from '@/api/money/invoices';
import { Problem } from '@/api/problem';
import { useStore } from '@/api/store';
import { language } from '@/i18n';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Area } from '@/ui/Field';
import { Money, MoneyField, useAmount, useMoneyText } from '@/ui/Money';
import { Scan, canScan } from '@/ui/Scan';
import { Failure, Skeleton } from '@/ui/States';
import { useSentence } from '@/ui/useSentence';
import { FromAccount, accountName, left, useMine } from './FromAccount';
import { Move } from './Move';
import { NumberOf } from './NumberOf';
import Send from './Send';

/** Pay takes a merchant's code, or the number of an invoice, from a camera, the clipboard or the keyboard. */
export default function Pay({ from, onClose }: { from: string; onClose: () => void }) {
  const { t } = useTranslation();
  const sentence = useSentence();
  const { reachable } = useStore(connection);
  const [code, setCode] = useState('');
  const [read, setRead] = useState<{ text: string; says: DecodedQr }>();
  const [bill, setBill] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const take = async (raw: string) => {
    const text = raw.trim();
    if (!text || busy) return;
    setCode(text);
    if (isId(text)) return setBill(text.toLowerCase());
    setBusy(true);
    setError(undefined);
    try {
      setRead({ text, says: await decodeQr(text, language.get()) });
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  if (bill) return <PayInvoice id={bill} from={from} onClose={onClose} />;
  if (read) return <PayCode {...read} from={from} onClose={onClose} />;
  const why = error === undefined ? undefined : sentence(error);
  return (
    <Dialog open onClose={onClose} title={t('wallet.pay')}>
      {reachable ? (
        <form
          className="space-y-4"
          onSubmit={(e: FormEvent) => {
            e.preventDefault();
            void take(code);
          }}
        >
          {canScan() && !why && <Scan onText={(text) => void take(text)} />}
          <Area label={t('wallet.code')} help={t('wallet.codeHelp')} rows={3} maxLength={512} value={code} onChange={(e) => setCode(e.target.value)} />
          {why && (
            <Notice tone="bad" hint={why.hint}>
              {why.text}
            </Notice>
          )}
          <div className="flex justify-end">
            <Button type="submit" look="main" busy={busy} disabled={!code.trim()}>
              {t('common.next')}
            </Button>
          </div>
        </form>
      ) : (
        <Notice tone="warn" hint={t('wallet.payNeedsNodeHint')}>
          {t('wallet.needsNode')}
        </Notice>
      )}
    </Dialog>
  );
}

function PayCode({ text, says, from, onClose }: { text: string; says: DecodedQr; from: string; onClose: () => void }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const mine = useMine();
  const [payer, setPayer] = useState(() => mine?.find((a) => a.id === from && a.asset === says.asset)?.id ?? mine?.find((a) => a.asset === says.asset)?.id ?? from);
  const account = mine?.find((a) => a.id === payer);
  const asset = says.asset ?? account?.asset ?? '';
  const typed = useAmount(asset);
  const minor = says.amount || typed.minor;
  const rest = left(account, minor);
  const short = rest !== undefined && BigInt(rest) < 0n;
  const denied = says.verdict?.act === 'RULE_DENY';
  return (
    <Move
      title={t('wallet.payTo', { name: says.name ?? '' })}
      onClose={onClose}
      ready={!!says.payable && !denied && !!account && account.asset === asset && minor !== undefined && !short}
      verb={t('wallet.payNow')}
      done={t('wallet.paid')}
      note={t('wallet.payNote')}
      facts={[
        [t('wallet.to'), <bdi key="to">{says.name}</bdi>],
        [t('wallet.amount'), <Money key="amount" minor={minor} asset={asset} />],
        [t('wallet.from'), account && <bdi>{accountName(account)}</bdi>],
        [t('wallet.after'), <Money key="after" minor={rest} asset={asset} />],
      ]}
      command={(id) => payQr({ id, text, from: payer, ...(!says.amount && { amount: minor }) }, { label: 'wallet.paying', values: { amount: money(minor, asset), name: says.name ?? '' } })}
    >
      <Facts
        rows={[
          [t('wallet.merchant'), <bdi key="n">{[says.name, says.city].filter(Boolean).join(', ')}</bdi>],
          ...(says.verdict?.sells ? ([[t('wallet.sells'), <bdi key="s" lang="en">{says.verdict.sells}</bdi>]] as [string, React.ReactNode][]) : []),
          ...(says.amount ? ([[t('wallet.amount'), <Money key="a" minor={says.amount} asset={asset} />]] as [string, React.ReactNode][]) : []),
        ]}
      />
      <p className="text-xs text-soft">{t('wallet.stickerHint')}</p>
      {says.verdict?.text && says.verdict.act !== 'RULE_ALLOW' && (
        <Notice tone={denied ? 'bad' : 'warn'}>
          <bdi>{says.verdict.text}</bdi>
        </Notice>
      )}
      {!says.payable && !denied && <Notice tone="warn">{t('wallet.elsewhere')}</Notice>}
      {says.payable && !denied && (
        <>
          <FromAccount value={payer} onChange={setPayer} />
          {account && account.asset !== asset && <Notice tone="warn">{t('wallet.otherCurrency', { asset })}</Notice>}
          {!says.amount && <MoneyField label={t('wallet.amount')} asset={asset} value={typed.typed} onChange={typed.setTyped} />}
          {short && <Notice tone="warn">{t('wallet.short')}</Notice>}
        </>
      )}
    </Move>
  );
}

function PayInvoice({ id: number, from, onClose }: { id: string; from: string; onClose: () => void }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const mine = useMine();
  const [payer, setPayer] = useState(from);
  const query = useQuery(invoiceOf(number, payer));
  const account = mine?.find((a) => a.id === payer);
  const bill = query.data;
  // The number of an account looks the same: whoever shows theirs is sent money.
  if (query.error instanceof Problem && query.error.status === 404) return <Send from={from} number={number} onClose={onClose} />;
  if (!bill)
    return (
      <Dialog open onClose={onClose} title={t('wallet.invoice')}>
        {query.error ? <Failure error={query.error} /> : <Skeleton />}
      </Dialog>
    );
  const asset = bill.asset ?? '';
  const rest = left(account, bill.total);
  const short = rest !== undefined && BigInt(rest) < 0n;
  const open = bill.state === 'INVOICE_OPEN';
  return (
    <Move
      title={t('wallet.invoice')}
      onClose={onClose}
      ready={open && !!account && account.asset === asset && !short}
      verb={t('wallet.payNow')}
      done={t('wallet.paid')}
      facts={[
        [t('wallet.invoice'), <NumberOf key="i" id={bill.id} />],
        [t('wallet.amount'), <Money key="amount" minor={bill.total} asset={asset} />],
        [t('wallet.from'), account && <bdi>{accountName(account)}</bdi>],
        [t('wallet.after'), <Money key="after" minor={rest} asset={asset} />],
      ]}
      command={(id) => payInvoice(bill.id, id, payer, { label: 'wallet.payingInvoice', values: { amount: money(bill.total, asset), number: bill.id.slice(-6) } })}
    >
      <ul className="divide-y divide-line text-sm">
        {bill.lines?.map((l, i) => (
          <li key={i} className="flex justify-between gap-4 py-2">
            <bdi className="min-w-0 break-words">{l.description}</bdi>
            <span className="latin figures shrink-0">
              {l.quantity} × <Money minor={l.price} asset={asset} />
            </span>
          </li>
        ))}
      </ul>
      <Facts rows={[[t('wallet.total'), <Money key="t" minor={bill.total} asset={asset} />], [t('wallet.delivery'), bill.delivery === 'spot' ? t('wallet.atOnce') : <bdi>{bill.delivery}</bdi>]]} />
      {!open && <Notice tone="warn">{t(({ INVOICE_PAID: 'wallet.invoicePaid', INVOICE_PAYING: 'money.review', INVOICE_CANCELLED: 'wallet.invoiceCancelled', INVOICE_OPEN: 'wallet.invoice' } as const)[bill.state ?? 'INVOICE_OPEN'])}</Notice>}
      <FromAccount value={payer} onChange={setPayer} />
      {short && <Notice tone="warn">{t('wallet.short')}</Notice>}
    </Move>
  );
}
