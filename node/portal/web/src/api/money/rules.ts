import { queryOptions } from '@tanstack/react-query';
import { language } from '@/i18n';
import type { RuleDecision, RuleFact } from '../compliance';
import { fetchJSON } from '../http';
import { query } from './ledger';

export type RuleAct = 'RULE_ALLOW' | 'RULE_INFO' | 'RULE_ROUTE' | 'RULE_REVIEW' | 'RULE_DENY';
/** What the rules remarked on something they allowed; text is in the language that was asked for. */
export interface RuleNote { rule?: string; facts?: RuleFact[]; text?: string }
export type Decision = RuleDecision & { notes?: RuleNote[] };

/** decision is what the rules said of a transfer, in the reader's language. What they had nothing to say about is not found. */
export const decision = (id: string) =>
  queryOptions({
    queryKey: ['decisions', id, language.get()],
    queryFn: ({ signal }) => fetchJSON<Decision>(query(`/v1/wallet/compliance/decisions/${encodeURIComponent(id)}`, { language: language.get() }), signal),
    retry: false,
    staleTime: 60_000,
  });
