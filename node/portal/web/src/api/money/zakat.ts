import { command } from '../http';
import type { Command } from '../outbox';
import type { Assess, Assessment, Wealth } from '../zakat';
import type { Minor } from './ledger';

/** assessZakat reckons and keeps nothing. */
export const assessZakat = (a: Assess) => command<Assessment>('POST', '/v1/wallet/zakat:assess', a);

type Words = Pick<Command, 'label' | 'values'>;
export const saveAssessment = (id: string, person: string, assess: Assess, words: Words): Command => ({ method: 'POST', path: '/v1/wallet/zakat/assessments', body: { id, person, assess }, ...words });

/** Declared is what somebody has beside their accounts here; stop forgets all that was followed. */
export interface Declared { person: string; asset: string; set?: string; wealth?: Wealth; stop?: boolean }
export const declareWealth = (d: Declared, words: Words): Command => ({ method: 'POST', path: '/v1/wallet/zakat/hawl', body: d, ...words });
export const payZakat = (p: { id: string; from: string; amount: Minor }, words: Words): Command => ({ method: 'POST', path: '/v1/wallet/zakat/payments', body: p, ...words });
