import type { Command } from '../outbox';
import type { Minor } from './ledger';

export interface Gift { id: string; fund?: string; campaign?: string; asset?: string; amount?: Minor; time?: string }
export interface NewGift { id: string; from: string; fund?: string; campaign?: string; amount: Minor; memo?: string }

/** give is for good: to a fund, or a campaign of one. */
export const give = (g: NewGift, words: Pick<Command, 'label' | 'values'>): Command => ({ method: 'POST', path: '/v1/wallet/gifts', body: g, ...words });
