import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Plus, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { encodeQr, type Invoice, type InvoiceState, cancelInvoice, invoice as invoiceOf, invoices, issueInvoice } from '@/api/money/invoices';
import type { Account } from '@/api/money/ledger';
import { useStore } from '@/api/store';
import { useCommand } from '@/api/useCommand';
import { parseMoney } from '@/i18n/money';
import { useFormats } from '@/i18n/format';
import { Move } from '@/pages/wallet/Move';
import { NumberOf } from '@/pages/wallet/NumberOf';
import { Badge, Notice, type Tone } from '@/ui/Badge';
import { Button, IconButton } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Dialog } from '@/ui/Dialog';
import { Field, Select } from '@/ui/Field';
import { Money, MoneyField, useMoneyText, useScale } from '@/ui/Money';
import { Qr } from '@/ui/Secret';
import { Loaded } from '@/ui/States';
import type { Merchant } from './merchant';

/** Invoices of the payee, newest first. */
export function Invoices({ payee, who }: { payee: Account; who?: Merchant }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { reachable } = useStore(connection);
  const query = useInfiniteQuery({ ...invoices(payee.id), refetchInterval: 10_000 });
  const [making, setMaking] = useState(false);
  const [shown, setShown] = useState('');
  const add = (
    <Button disabled={!reachable} onClick={() => setMaking(true)}>
      <Plus size={16} aria-hidden />
      {t('cashier.newInvoice')}
    </Button>
  );
  return (
    <Card title={t('cashier.invoices')} action={add} flush>
      {!reachable && <p className="px-4 py-2 text-sm text-soft">{t('cashier.invoiceNeedsNode')}</p>}
      <Loaded query={query}>
        {({ pages }) => {
          const all = pages.flatMap((p) => p.invoices ?? []).sort((a, b) => ((a.issued ?? '') < (b.issued ?? '') ? 1 : -1));
          if (all.length === 0) return <p className="px-4 pt-1 pb-4 text-sm text-soft">{t('cashier.noInvoices')}</p>;
          return (
            <ul className="divide-y divide-line border-t border-line">
              {all.slice(0, 20).map((i) => (
                <li key={i.id}>
                  <button type="button" onClick={() => setShown(i.id)} className="flex w-full items-center justify-between gap-3 px-4 py-2.5 text-start hover:bg-raised/60">
                    <span className="min-w-0">
                      <bdi className="block truncate text-sm font-medium">{i.lines?.[0]?.description}</bdi>
                      <span className="text-xs text-soft">{f.moment(i.issued)}</span>
                    </span>
                    <span className="shrink-0 text-end">
                      <Money minor={i.total} asset={i.asset} className="block text-sm font-semibold" />
                      <State state={i.state} />
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
      {making && (
        <NewInvoice
          payee={payee}
          onClose={(id) => {
            setMaking(false);
            setShown(id);
          }}
        />
      )}
      {shown && <ShowInvoice id={shown} payee={payee} who={who} onClose={() => setShown('')} />}
    </Card>
  );
}

const tones: Record<InvoiceState, Tone> = { INVOICE_OPEN: 'none', INVOICE_PAYING: 'warn', INVOICE_PAID: 'good', INVOICE_CANCELLED: 'none' };

function State({ state = 'INVOICE_OPEN' }: { state?: InvoiceState }) {
  const { t } = useTranslation();
  const names = { INVOICE_OPEN: t('cashier.invoiceOpen'), INVOICE_PAYING: t('cashier.inReview'), INVOICE_PAID: t('cashier.statePaid'), INVOICE_CANCELLED: t('cashier.invoiceCancelled') };
  return <Badge tone={tones[state]}>{names[state]}</Badge>;
}

interface Typed {
  description: string;
  quantity: string;
  price: string;
}

const mostLines = 20;

/** Quantities are whole; price is of one. undefined: something is missing. */
export function totalOf(lines: Typed[], scale: number, asset: string): { total: string; lines: { description: string; quantity: string; price: string }[] } | undefined {
  const done = [];
  let total = 0n;
  for (const l of lines) {
    const price = parseMoney(l.price, scale, asset);
    if (!l.description.trim() || !/^[1-9]\d{0,8}$/.test(l.quantity) || !('minor' in price)) return undefined;
    total += BigInt(l.quantity) * BigInt(price.minor);
    done.push({ description: l.description.trim(), quantity: l.quantity, price: price.minor });
  }
  return done.length ? { total: total.toString(), lines: done } : undefined;
}

function NewInvoice({ payee, onClose }: { payee: Account; onClose: (id: string) => void }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const asset = payee.asset ?? '';
  const scale = useScale()(asset) ?? 0;
  const [lines, setLines] = useState<Typed[]>([{ description: '', quantity: '1', price: '' }]);
  const [day, setDay] = useState('');
  const [issued, setIssued] = useState('');
  const sum = totalOf(lines, scale, asset);
  const set = (i: number, part: Partial<Typed>) => setLines(lines.map((l, at) => (at === i ? { ...l, ...part } : l)));
  return (
    <Move
      title={t('cashier.newInvoice')}
      onClose={() => onClose(issued)}
      ready={!!sum}
      verb={t('cashier.issue')}
      done={t('cashier.issued')}
      note={t('cashier.issueNote')}
      facts={[
        ...(sum?.lines ?? []).map((l, i): [React.ReactNode, React.ReactNode] => [<bdi key={i}>{l.description}</bdi>, <span key="v" className="latin">{l.quantity} × <Money minor={l.price} asset={asset} /></span>]),
        [t('wallet.total'), <Money key="t" minor={sum?.total} asset={asset} />],
        [t('wallet.delivery'), day ? <span key="d" className="latin">{day}</span> : t('wallet.atOnce')],
      ]}
      command={(id) => {
        setIssued(id);
        return issueInvoice({ id, payee: payee.id, asset, lines: sum!.lines, total: sum!.total, delivery: day || 'spot' }, { label: 'cashier.issuing', values: { amount: money(sum!.total, asset) } });
      }}
    >
      {lines.map((l, i) => (
        <fieldset key={i} className="space-y-3 rounded-lg border border-line p-3">
          <legend className="sr-only">{t('cashier.line', { number: String(i + 1) })}</legend>
          <div className="flex items-end gap-2">
            <div className="grow">
              <Field label={t('cashier.description')} required maxLength={200} value={l.description} onChange={(e) => set(i, { description: e.target.value })} />
            </div>
            {lines.length > 1 && (
              <IconButton label={t('common.remove')} onClick={() => setLines(lines.filter((_, at) => at !== i))}>
                <X size={18} aria-hidden />
              </IconButton>
            )}
          </div>
          <div className="grid grid-cols-[5rem_1fr] gap-3">
            <Field label={t('cashier.quantity')} dir="ltr" inputMode="numeric" required className="figures text-end" value={l.quantity} onChange={(e) => set(i, { quantity: e.target.value.replace(/\D/g, '') })} />
            <MoneyField label={t('cashier.price')} asset={asset} value={l.price} onChange={(price) => set(i, { price })} />
          </div>
        </fieldset>
      ))}
      {lines.length < mostLines && (
        <Button onClick={() => setLines([...lines, { description: '', quantity: '1', price: '' }])}>
          <Plus size={16} aria-hidden />
          {t('cashier.addLine')}
        </Button>
      )}
      <Select label={t('wallet.delivery')} value={day ? 'day' : 'spot'} onChange={(e) => setDay(e.target.value === 'day' ? tomorrow() : '')}>
        <option value="spot">{t('wallet.atOnce')}</option>
        <option value="day">{t('cashier.onDay')}</option>
      </Select>
      {day && <Field label={t('cashier.day')} type="date" required value={day} onChange={(e) => setDay(e.target.value || tomorrow())} />}
    </Move>
  );
}

function tomorrow(): string {
  const d = new Date(Date.now() + 86_400_000);
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;
}

/** One invoice, its code, and how it stands at this moment. */
function ShowInvoice({ id, payee, who, onClose }: { id: string; payee: Account; who?: Merchant; onClose: () => void }) {
  const { t } = useTranslation();
  const run = useCommand();
  const { reachable } = useStore(connection);
  const query = useQuery({ ...invoiceOf(id, payee.id), refetchInterval: 2_500 });
  const [code, setCode] = useState('');
  const open = query.data?.state === 'INVOICE_OPEN';
  useEffect(() => {
    if (open && who) void encodeQr({ account: payee.id, invoice: id, ...who }).then(({ text = '' }) => setCode(text), () => {});
  }, [open, id, payee.id, who]);
  return (
    <Dialog open onClose={onClose} title={t('wallet.invoice')}>
      <Loaded query={query}>
        {(i: Invoice) => (
          <div className="space-y-4">
            <div className="flex flex-col items-center gap-2 text-center" role="status">
              <Money minor={i.total} asset={i.asset} className="text-3xl font-semibold" />
              <State state={i.state} />
            </div>
            {i.state === 'INVOICE_PAID' && <Notice tone="good">{t('cashier.invoiceIsPaid')}</Notice>}
            {!reachable && <Notice tone="warn">{t('cashier.invoiceStale')}</Notice>}
            {open && (
              <div className="flex flex-col items-center gap-2">
                <Qr value={code || i.id} label={t('wallet.invoice')} size={220} />
                <NumberOf id={i.id} />
                {!who && <p className="text-center text-xs text-soft">{t('cashier.numberOnly')}</p>}
              </div>
            )}
            <Facts rows={(i.lines ?? []).map((l, at) => [<bdi key={at}>{l.description}</bdi>, <span key="v" className="latin">{l.quantity} × <Money minor={l.price} asset={i.asset} /></span>])} />
            {open && <Confirm label={t('cashier.takeBack')} title={t('cashier.takeBackTitle')} text={t('cashier.takeBackText')} onConfirm={() => run(cancelInvoice(i.id, { label: 'cashier.takingBack' }), t('cashier.tookBack'))} />}
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}
