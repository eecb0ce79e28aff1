import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { read } from '../http';
import type { Uint64 } from '../node';
import type { Command } from '../outbox';
import { type Minor, type Paged, nextPage, query } from './ledger';

export interface GatewayAccount { account?: string; suspense?: string }
export type GatewayKind = 'GATEWAY_CASH' | 'GATEWAY_BANK' | 'GATEWAY_CARD';
export interface Gateway { name: string; kind?: GatewayKind; closed?: boolean; accounts?: GatewayAccount[]; base?: string; allowPrivate?: boolean; hasKey?: boolean; signingSecrets?: number; version?: Uint64 }
export interface PaymentConflict { number?: number; reason?: string; decision?: 'undecided' | 'accepted' | 'rejected'; amount?: Minor; asset?: string; time?: string }
export type PaymentState = 'PAYMENT_CREATED' | 'PAYMENT_PENDING' | 'PAYMENT_CONFIRMED' | 'PAYMENT_FAILED' | 'PAYMENT_REFUNDED';
export interface Payment {
  id: string; gateway?: string; account?: string; asset?: string; amount?: Minor; confirmed?: Minor; returned?: Minor; state?: PaymentState; reference?: string; created?: string;
  since?: string; conflicts?: PaymentConflict[]; suspended?: boolean; refunding?: Minor;
}

const paymentPath = (id: string) => `/v1/wallet/payments/${encodeURIComponent(id)}`;

export const gateways = queryOptions({ queryKey: ['gateways'], queryFn: ({ signal }) => read<{ gateways?: Gateway[] }>('/v1/wallet/gateways', signal) });
export const payment = (id: string) => queryOptions({ queryKey: ['payments', 'of', id], queryFn: ({ signal }) => read<Payment>(paymentPath(id), signal) });
export const payments = (account = '') =>
  infiniteQueryOptions({
    queryKey: ['payments', 'list', account],
    queryFn: ({ signal, pageParam }) => read<Paged & { payments?: Payment[] }>(query('/v1/wallet/payments', { account, page_size: 200, page_token: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });
export const conflicts = infiniteQueryOptions({
  queryKey: ['payments', 'conflicts'],
  queryFn: ({ signal, pageParam }) => read<Paged & { payments?: Payment[] }>(query('/v1/wallet/conflicts', { page_size: 100, page_token: pageParam }), signal),
  initialPageParam: '',
  getNextPageParam: nextPage,
});

// Ids and events are chosen before the first attempt and are the same for each: told twice is done once.
type Words = Pick<Command, 'label' | 'values'>;
export interface NewPayment { id: string; gateway: string; account: string; amount: Minor; asset?: string }
export const createPayment = (p: NewPayment, words: Words): Command => ({ method: 'POST', path: '/v1/wallet/payments', body: p, ...words });
export const confirmPayment = (id: string, event: string, amount: Minor, words: Words): Command => ({ method: 'POST', path: `${paymentPath(id)}/confirm`, body: { event, amount }, ...words });
export const failPayment = (id: string, event: string, words: Words): Command => ({ method: 'POST', path: `${paymentPath(id)}/fail`, body: { event }, ...words });
export const refundPayment = (id: string, event: string, amount: Minor, words: Words): Command => ({ method: 'POST', path: `${paymentPath(id)}/refund`, body: { event, amount }, ...words });
export const decideConflict = (id: string, number: number, accept: boolean, words: Words): Command => ({ method: 'POST', path: `${paymentPath(id)}/decide`, body: { number, accept }, ...words });
