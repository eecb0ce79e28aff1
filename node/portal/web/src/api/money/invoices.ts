import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { command, read } from '../http';
import type { Uint64 } from '../node';
import type { Command } from '../outbox';
import { type Minor, type Paged, type TransferStatus, nextPage, query } from './ledger';
import type { RuleAct } from './rules';

export interface InvoiceLine { description?: string; quantity?: Uint64; price?: Minor }
export type InvoiceState = 'INVOICE_OPEN' | 'INVOICE_PAYING' | 'INVOICE_PAID' | 'INVOICE_CANCELLED';
export interface Invoice {
  id: string; state?: InvoiceState; payee?: string; payer?: string; asset?: string; lines?: InvoiceLine[]; total?: Minor; delivery?: string; note?: string; paidBy?: string; payment?: string; issued?: string; ended?: string;
}
export interface NewInvoice { id: string; payee: string; payer?: string; asset?: string; lines: InvoiceLine[]; total: Minor; delivery: string; note?: string }
/** What a merchant shows to a payer: the text of the code, as EMVCo lays it out. */
export interface PaymentCode { text?: string; svg?: string }
export interface Verdict { mcc?: string; sells?: string; act?: RuleAct; rule?: string; setName?: string; setVersion?: number; text?: string }
/** What a code says, and what the rules make of it. Names are what somebody wrote on a sticker. */
export interface DecodedQr {
  name?: string; city?: string; country?: string; mcc?: string; asset?: string; amount?: Minor; dynamic?: boolean; tip?: boolean; account?: string; invoice?: string; nmid?: string; verdict?: Verdict; payable?: boolean;
}
export interface QrPayment { id?: string; account?: string; asset?: string; amount?: Minor; mcc?: string; invoice?: string; status?: TransferStatus }

const invoicePath = (id: string) => `/v1/wallet/invoices/${encodeURIComponent(id)}`;

export const invoice = (id: string, account = '') =>
  queryOptions({ queryKey: ['invoices', 'of', id, account], queryFn: ({ signal }) => read<Invoice>(query(invoicePath(id), { account }), signal), retry: false });
export const invoices = (account = '', payable = false) =>
  infiniteQueryOptions({
    queryKey: ['invoices', 'list', account, payable],
    queryFn: ({ signal, pageParam }) => read<Paged & { invoices?: Invoice[] }>(query('/v1/wallet/invoices', { account, payable, page_size: 100, page_token: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

/** decodeQr reads a merchant's code; the verdict is in the language. */
export const decodeQr = (text: string, language: string) => command<DecodedQr>('POST', '/v1/wallet/qr:decode', { text, language });

export interface NewCode { account: string; invoice?: string; amount?: Minor; mcc: string; name: string; city: string; country: string }
export const encodeQr = (c: NewCode) => command<PaymentCode>('POST', '/v1/wallet/qr:encode', c);

type Words = Pick<Command, 'label' | 'values'>;
export const issueInvoice = (i: NewInvoice, words: Words): Command => ({ method: 'POST', path: '/v1/wallet/invoices', body: i, ...words });
export const cancelInvoice = (id: string, words: Words): Command => ({ method: 'POST', path: `${invoicePath(id)}:cancel`, ...words });
export const payInvoice = (invoice: string, id: string, from: string, words: Words): Command => ({ method: 'POST', path: `${invoicePath(invoice)}:pay`, body: { id, from }, ...words });
export const payQr = (p: { id: string; text: string; from: string; amount?: Minor }, words: Words): Command => ({ method: 'POST', path: '/v1/wallet/qr:pay', body: p, ...words });
