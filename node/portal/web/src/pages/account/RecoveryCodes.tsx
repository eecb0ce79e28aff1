import { useTranslation } from 'react-i18next';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';

export function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-4">
      <Notice tone="warn">{t('account.recoveryOnce')}</Notice>
      <ul dir="ltr" className="grid grid-cols-2 gap-2 rounded-lg bg-raised p-4 font-mono text-sm">
        {codes.map((c) => (
          <li key={c} className="select-all">
            {c}
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={() => print()}>{t('common.print')}</Button>
        <Button look="main" onClick={onDone}>
          {t('account.recoveryKept')}
        </Button>
      </div>
    </div>
  );
}
