import { queryOptions } from '@tanstack/react-query';
import { read } from './http';
import type { Uint64 } from './node';

// The messages of aielon.webhooks.v1 as JSON.
export type DataClass = 'CLASS_PUBLIC' | 'CLASS_SITE_ONLY' | 'CLASS_PERSONAL' | 'CLASS_CLINICAL';
export interface Webhook {
  id: string; url?: string; description?: string; types?: string[]; class?: DataClass; ordered?: boolean; allowPrivate?: boolean; allowPlain?: boolean;
  created?: string; disabled?: string; enabled?: string; oldSecretUntil?: string;
}
export interface IssuedWebhook { webhook?: Webhook; secret?: string }
export interface Delivery { message?: string; type?: string; time?: string; tookMs?: number; attempt?: number; status?: number; error?: string; response?: string; outcome?: 'delivered' | 'failed' | 'gave_up' | 'shed' }
export interface Deliveries { deliveries?: Delivery[]; waiting?: number; delivered?: Uint64; lost?: Uint64; resting?: boolean }
export interface EventType { type?: string; description?: string; class?: DataClass }

export const webhookPath = (id: string) => `/v1/webhooks/${encodeURIComponent(id)}`;
export const webhooks = queryOptions({ queryKey: ['webhooks'], queryFn: ({ signal }) => read<{ webhooks?: Webhook[] }>('/v1/webhooks', signal) });
export const webhook = (id: string) => queryOptions({ queryKey: ['webhooks', id], queryFn: ({ signal }) => read<Webhook>(webhookPath(id), signal) });
export const deliveries = (id: string) =>
  queryOptions({ queryKey: ['webhooks', id, 'deliveries'], queryFn: ({ signal }) => read<Deliveries>(`${webhookPath(id)}/deliveries?page_size=50`, signal), refetchInterval: 5_000 });
export const eventTypes = queryOptions({ queryKey: ['event-types'], queryFn: ({ signal }) => read<{ types?: EventType[] }>('/v1/event-types', signal), staleTime: 600_000 });
