import { Problem, type ProblemDetails } from './problem';
import { Store } from './store';

export interface Asked {
  needs: NonNullable<ProblemDetails['needs']>;
  /** The node's own words for why. */
  text: string;
  done: (proven: boolean) => void;
}

/** asked is the proof somebody is asked for now. */
export const asked = new Store<Asked | undefined>(undefined);

let open: Promise<boolean> | undefined;

/** proof asks the person to prove who they are, and answers whether they did. What asks meanwhile shares the answer. */
function proof(needs: Asked['needs'], text: string): Promise<boolean> {
  open ??= new Promise((answer) => {
    const done = (proven: boolean) => {
      open = undefined;
      asked.set(undefined);
      answer(proven);
    };
    asked.set({ needs, text, done });
  });
  return open;
}

/** proven does f, and does it once more where the node wants to see first that it is really them. */
export async function proven<T>(f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (e) {
    const needs = e instanceof Problem ? e.details.needs : undefined;
    if (!needs || !(await proof(needs, (e as Problem).message))) throw e;
    return f();
  }
}
