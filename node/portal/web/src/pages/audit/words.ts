import type { ParseKeys } from 'i18next';
import { useTranslation } from 'react-i18next';
import type { AuditRecord } from '@/api/audit';
import type { Tone } from '@/ui/Badge';

const reasons = ['not_known', 'not_proven', 'expired', 'not_permitted', 'forbidden', 'no_consent', 'out_of_scope', 'too_weak'];
const kinds = ['decision', 'access', 'change'];
const doors = ['person', 'device', 'node', 'service', 'nobody'];

/** useAuditWords says a record's codes in words; a code this build does not know stays as it is. */
export function useAuditWords() {
  const { t } = useTranslation();
  const say = (section: string, known: string[], code: string | undefined) => (known.includes(code ?? '') ? t(`${section}.${code}` as ParseKeys) : (code ?? ''));
  return {
    kind: (r: AuditRecord) => say('auditKind', kinds, r.kind),
    reason: (r: AuditRecord) => (r.reason === 'permitted' ? '' : say('auditReason', reasons, r.reason)),
    actorKind: (r: AuditRecord) => say('actorKind', doors, r.actorKind),
    outcome: (r: AuditRecord): [Tone, string] => {
      if (r.denied || r.outcome === 'denied') return ['bad', t('audit.refused')];
      if (r.outcome === 'ok') return ['good', t('audit.done')];
      if (!r.outcome) return ['none', t('audit.letIn')];
      return ['warn', r.outcome === 'unreadable' ? t('audit.unreadable') : t('audit.failed')];
    },
  };
}

/** addressOf is where a record is shown: journal, epoch and number. */
export function addressOf(r: AuditRecord): { journal: string; epoch: string; number: string } | undefined {
  const [epoch, number] = (r.position ?? '').split('/');
  return r.journal && epoch && number ? { journal: r.journal, epoch, number } : undefined;
}
