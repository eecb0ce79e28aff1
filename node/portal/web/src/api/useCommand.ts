import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { toast } from '@/ui/toast';
import { useSentence } from '@/ui/useSentence';
import { type Command, type Queued, isQueued, perform } from './outbox';

/**
 * useCommand sends a change and says what became of it: done, waiting here, or refused with the node's reason.
 * It answers undefined where it was refused. leave goes away from a page whose subject is no more, before anything is
 * asked for again: it would be asked for too.
 */
export function useCommand() {
  const { t } = useTranslation();
  const sentence = useSentence();
  const client = useQueryClient();
  return async <T = object>(c: Command, done?: string, leave?: () => Promise<unknown>): Promise<T | Queued | undefined> => {
    try {
      const answer = await perform<T>(c);
      if (isQueued(answer)) {
        toast({ tone: 'none', text: t('outbox.kept') });
        return answer;
      }
      if (done) toast({ tone: 'good', text: done });
      await leave?.();
      void client.invalidateQueries();
      return answer;
    } catch (e) {
      toast({ tone: 'bad', ...sentence(e) });
      return undefined;
    }
  };
}
