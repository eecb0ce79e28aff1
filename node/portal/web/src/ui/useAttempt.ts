import { toast } from './toast';
import { useSentence } from './useSentence';

/** useAttempt does what may fail, and says why where it does. */
export function useAttempt() {
  const sentence = useSentence();
  return async (f: () => Promise<unknown>) => {
    try {
      await f();
    } catch (e) {
      toast({ tone: 'bad', ...sentence(e) });
    }
  };
}
