import { useQueryClient } from '@tanstack/react-query';
import { type Command, isQueued, perform } from '../outbox';

/** What became of a command that moves money. It is done only where the node said so. */
export type Outcome<T = object> = { is: 'done'; answer: T } | { is: 'review'; answer: T } | { is: 'waits' } | { is: 'refused'; error: unknown };

/** Where the rules want a person to decide, the node answers with a transfer, an invoice or a payment that is not done. */
const reviewed = (a: { status?: string; state?: string }) => a.status === 'UNDER_REVIEW' || a.state === 'INVOICE_PAYING';

/** useMove sends a command that moves money and answers what became of it, for pages that say so in full. */
export function useMove() {
  const client = useQueryClient();
  return async <T extends object>(c: Command): Promise<Outcome<T>> => {
    try {
      const answer = await perform<T>(c);
      if (isQueued(answer)) return { is: 'waits' };
      void client.invalidateQueries();
      return { is: reviewed(answer) ? 'review' : 'done', answer };
    } catch (error) {
      return { is: 'refused', error };
    }
  };
}
