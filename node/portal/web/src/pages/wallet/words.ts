import { useTranslation } from 'react-i18next';
import type { Entry } from '@/api/money/ledger';
import { toMinor } from '@/i18n/money';
import { useCode } from '@/ui/useCode';

/** useEntryName says what an entry was: by its purpose, by what kind of entry it is, or only whether money came or went. */
export function useEntryName() {
  const { t } = useTranslation();
  const code = useCode();
  return (e: Entry): string => {
    if (e.kind === 'hold' || e.kind === 'void' || e.kind === 'expire' || e.kind === 'reverse') return code('entryKind', e.kind);
    const plain = toMinor(e.amount) < 0n ? t('wallet.wentOut') : t('wallet.cameIn');
    return code('purpose', e.purpose, '') || code('entryKind', e.kind, '') || plain;
  };
}
