import { Store } from '@/api/store';

/** A newer build waits to take over; null: there is none. */
export const update = new Store<ServiceWorker | null>(null);

/** startWorker lets the app open without a network. Browsers allow it only over TLS and on localhost. */
export function startWorker() {
  if (!('serviceWorker' in navigator)) return;
  let taking = false;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (taking) location.reload();
  });
  update.subscribe(() => (taking = true));
  void navigator.serviceWorker.register('/sw.js').then((r) => {
    const offer = (w: ServiceWorker | null) => {
      if (w && navigator.serviceWorker.controller) update.set(w);
    };
    offer(r.waiting);
    r.addEventListener('updatefound', () => {
      const w = r.installing;
      w?.addEventListener('statechange', () => w.state === 'installed' && offer(w));
    });
    setInterval(() => void r.update().catch(() => {}), 3_600_000);
  });
}

export function takeOver() {
  update.get()?.postMessage('take over');
}
