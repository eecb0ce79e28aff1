import { useTranslation } from 'react-i18next';
import { Problem, Unreachable } from '@/api/problem';

/** useSentence turns whatever went wrong into a sentence and what to do. The node's own words are shown as they came. */
export function useSentence() {
  const { t } = useTranslation();
  return (error: unknown): { text: string; hint?: string } => {
    if (error instanceof Unreachable) return { text: t('problem.unreachable'), hint: t('problem.unreachableHint') };
    if (error instanceof Problem) {
      const d = error.details;
      if (d.detail === 'outbox.full') return { text: t('problem.outboxFull'), hint: t('problem.outboxFullHint') };
      const wait = d.status === 429 && d.retryAfter ? t('problem.wait', { count: Math.ceil(d.retryAfter) }) : undefined;
      return { text: d.detail || t('problem.status', { status: d.status }), hint: d.hint || wait };
    }
    if (error instanceof DOMException && error.name === 'NotAllowedError') return { text: t('problem.passkeyAborted') };
    return { text: t('problem.page'), hint: error instanceof Error ? error.message : undefined };
  };
}
