import { Store } from './store';

/** Connection says what this browser knows of the way to the node. The node's own link to its hub is in its status. */
export interface Connection {
  reachable: boolean;
  /** Since when what is shown is not fresh, in ms; 0: it is. */
  since: number;
}

export const connection = new Store<Connection>({ reachable: true, since: 0 });

const back = new Set<() => void>();
let probe: ReturnType<typeof setTimeout> | undefined;
let delay = 0;

/** whenBack calls f each time the node answers again after it was away. */
export function whenBack(f: () => void) {
  back.add(f);
  return () => void back.delete(f);
}

export function reached() {
  const was = connection.get().reachable;
  clearTimeout(probe);
  probe = undefined;
  delay = 0;
  if (was) return;
  connection.set({ reachable: true, since: 0 });
  for (const f of back) f();
}

export function lost() {
  if (connection.get().reachable) connection.set({ reachable: false, since: Date.now() });
  if (!probe) look();
}

/** look asks the node for a sign of life, ever more rarely, up to every 15 seconds. */
function look() {
  delay = Math.min(15_000, delay ? delay * 1.7 : 1_000);
  probe = setTimeout(async () => {
    probe = undefined;
    try {
      const answer = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(5_000) });
      // Any answer is a sign of life, save that of a proxy which found nobody behind it.
      if (answer.status < 502 || answer.status > 504) return reached();
    } catch {
      // Still away.
    }
    look();
  }, delay);
}

/** watchNetwork asks at once when the device says that its network came or went. */
export function watchNetwork() {
  addEventListener('online', () => {
    if (connection.get().reachable) return;
    clearTimeout(probe);
    probe = undefined;
    delay = 0;
    look();
  });
  addEventListener('offline', () => lost());
}
