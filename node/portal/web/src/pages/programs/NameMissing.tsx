import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { welcome } from '@/api/node';
import { Notice } from '@/ui/Badge';

/** A node without a name cannot be a provider: what it signs says by whom it was signed. */
export function NameMissing() {
  const { t } = useTranslation();
  const known = useQuery(welcome).data;
  if (!known || known.passkeyName) return null;
  return (
    <Notice tone="warn" hint={t('program.noNameHint')}>
      {t('program.noName')}
    </Notice>
  );
}
