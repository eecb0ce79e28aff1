import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem, type ProblemDetails, Unreachable } from '@/api/problem';
import { Own } from './Own';
import { useCode, useWords } from './useCode';

/**
 * useSentence turns whatever went wrong into a sentence and what to do. A refusal is told in the reader's language: by its own
 * sentence where that is known here, else by its kind, with the node's own words below.
 */
export function useSentence() {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const code = useCode();
  const refusal = (d: ProblemDetails): { text: string; hint?: ReactNode } => {
    const wait = d.status === 429 && d.retryAfter ? t('problem.wait', { count: Math.ceil(d.retryAfter) }) : undefined;
    const hint = d.hint ? <Own text={d.hint} /> : wait;
    const known = words(d.detail);
    if (known !== undefined) return { text: known, hint };
    const coded = i18n.language === 'en' ? '' : code('refusal', d.code, '');
    if (coded) return { text: coded };
    const own = d.detail || t('problem.status', { status: d.status });
    const kind = code('problemKind', d.title, '');
    if (i18n.language === 'en' || !kind || !d.detail) return { text: own, hint };
    return { text: kind, hint: <bdi lang="en">{[d.detail, d.hint].filter(Boolean).join(' · ')}</bdi> };
  };
  return (error: unknown): { text: string; hint?: ReactNode } => {
    if (error instanceof Unreachable) return { text: t('problem.unreachable'), hint: t('problem.unreachableHint') };
    if (error instanceof Problem) {
      if (error.details.detail === 'outbox.full') return { text: t('problem.outboxFull'), hint: t('problem.outboxFullHint') };
      return refusal(error.details);
    }
    if (error instanceof DOMException && error.name === 'NotAllowedError') return { text: t('problem.passkeyAborted') };
    return { text: t('problem.page'), hint: error instanceof Error ? error.message : undefined };
  };
}
