import { type Waiting } from '@/api/db';
import type { ProblemDetails } from '@/api/problem';
import type { Minor } from '@/api/money/ledger';

/** A payment that was taken here and that the node has not acknowledged. */
export interface WaitingPayment {
  id: string;
  gateway?: string;
  account?: string;
  asset?: string;
  amount?: Minor;
  at: number;
  /** The node may have it already; nobody heard. */
  maybe: boolean;
  refused?: ProblemDetails;
}

interface Body {
  id?: string;
  gateway?: string;
  account?: string;
  asset?: string;
  amount?: Minor;
}

const confirming = /^\/v1\/wallet\/payments\/([^/]+)\/confirm$/;

/** waitingPayments finds them in what waits in this browser, newest first. A payment waits until its money is confirmed too. */
export function waitingPayments(outbox: Waiting[]): WaitingPayment[] {
  const found = new Map<string, WaitingPayment>();
  const add = (id: string, w: Waiting, body: Body) => {
    const old = found.get(id);
    found.set(id, { ...old, ...body, id, at: old?.at ?? w.at, maybe: (old?.maybe ?? false) || w.attempts > 0, refused: old?.refused ?? w.refused });
  };
  for (const w of outbox) {
    const body = w.body as Body;
    const id = confirming.exec(w.path)?.[1];
    if (w.path === '/v1/wallet/payments' && body.id) add(body.id, w, { gateway: body.gateway, account: body.account, asset: body.asset, amount: body.amount });
    else if (id) add(decodeURIComponent(id), w, { amount: body.amount, ...known(w.values) });
  }
  return [...found.values()].reverse();
}

/** What the confirmation alone does not say stands in its words: the payment itself may have been taken by the node before. */
const known = (v: Record<string, string>): Body => ({ ...(v.account && { account: v.account }), ...(v.asset && { asset: v.asset }), ...(v.gateway && { gateway: v.gateway }) });
