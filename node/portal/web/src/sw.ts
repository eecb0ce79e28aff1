/// <reference lib="webworker" />
// The service worker keeps the app itself, and nothing of what it shows: answers of the node stay in the
// signed-in person's own store, which signing out empties.
const worker = self as unknown as ServiceWorkerGlobalScope;

// The build writes both in.
const files = '__FILES__' as unknown as string[];
const store = `app-${'__VERSION__'}`;

worker.addEventListener('install', (e) => {
  // reload: past the browser's own cache, or a new worker could keep an old page.
  e.waitUntil(caches.open(store).then((c) => c.addAll(files.map((f) => new Request(f, { cache: 'reload' })))));
});

worker.addEventListener('activate', (e) => {
  const old = async () => {
    for (const key of await caches.keys()) if (key.startsWith('app-') && key !== store) await caches.delete(key);
    await worker.clients.claim();
  };
  e.waitUntil(old());
});

worker.addEventListener('message', (e) => {
  if (e.data === 'take over') void worker.skipWaiting();
});

worker.addEventListener('fetch', (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== 'GET' || url.origin !== worker.location.origin) return;
  const page = e.request.mode === 'navigate' && isPage(url.pathname);
  if (!page && !files.includes(url.pathname)) return;
  e.respondWith(kept(page ? '/' : url.pathname, e.request));
});

/** Doors of programs are opened by people too, to look at JSON or to download a backup. */
function isPage(path: string) {
  return !/^\/(v1|graphql|fhir|ws|rpc|metrics|healthz|readyz|openapi\.json|ca\.crt|debug|oauth|\.well-known|assets|aielon\.|grpc\.)/.test(path);
}

async function kept(path: string, request: Request): Promise<Response> {
  const found = await (await caches.open(store)).match(path);
  return found ?? fetch(request);
}

export {};
