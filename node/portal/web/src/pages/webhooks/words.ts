import { useTranslation } from 'react-i18next';
import type { DataClass, Delivery, Webhook } from '@/api/webhooks';
import type { Tone } from '@/ui/Badge';

export const classes = ['CLASS_PUBLIC', 'CLASS_SITE_ONLY', 'CLASS_PERSONAL', 'CLASS_CLINICAL'] as const;

export function useWebhookWords() {
  const { t } = useTranslation();
  return {
    className: (c: DataClass | undefined) => t(`dataClass.${c ?? 'CLASS_PUBLIC'}`),
    outcome: (d: Delivery): [Tone, string] => {
      switch (d.outcome) {
        case 'delivered':
          return ['good', t('webhook.delivered')];
        case 'failed':
          return ['warn', t('webhook.failed')];
        case 'shed':
          return ['bad', t('webhook.shed')];
        default:
          return ['bad', t('webhook.gaveUp')];
      }
    },
    /** What was wrong, in the reader's words where the answer had a number, and the node's own beside it. */
    why: (d: Delivery) => {
      if (d.outcome === 'delivered') return '';
      if (!d.status) return t('webhook.noAnswer');
      if (d.status === 401 || d.status === 403) return t('webhook.refusedUs', { status: d.status });
      if (d.status === 404 || d.status === 410) return t('webhook.notThere', { status: d.status });
      if (d.status === 429) return t('webhook.tooMany', { status: d.status });
      if (d.status >= 500) return t('webhook.broken', { status: d.status });
      if (d.status >= 300 && d.status < 400) return t('webhook.redirect', { status: d.status });
      return t('webhook.said', { status: d.status });
    },
  };
}

/** hostOf names a webhook where nobody described it. */
export function hostOf(w: Webhook): string {
  try {
    return new URL(w.url ?? '').host;
  } catch {
    return w.url ?? w.id;
  }
}
