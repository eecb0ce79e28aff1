import { useTranslation } from 'react-i18next';
import type { AuditRecord } from '@/api/audit';
import type { Tone } from '@/ui/Badge';
import { useCode } from '@/ui/useCode';

/** useAuditWords says a record's codes in words; a code this build does not know stays as it is. */
export function useAuditWords() {
  const { t } = useTranslation();
  const code = useCode();
  return {
    kind: (r: AuditRecord) => code('auditKind', r.kind),
    reason: (r: AuditRecord) => (r.reason === 'permitted' ? '' : code('auditReason', r.reason)),
    actorKind: (r: AuditRecord) => code('actorKind', r.actorKind),
    /** What was asked for: an operation, or where a door refused it before there was one, a permission. */
    op: (r: AuditRecord) => code('op', r.op, code('permission', r.op)),
    object: (r: AuditRecord) => code('thing', r.objectType),
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
