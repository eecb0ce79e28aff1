import { useTranslation } from 'react-i18next';

/** Restoring replaces everything, so it is done at the box, by somebody who has the storage key. */
export function RestoreHelp() {
  const { t } = useTranslation();
  return (
    <details className="mt-3 text-sm">
      <summary className="inline-block py-1 text-accent">{t('restore.title')}</summary>
      <ol className="mt-1 list-decimal space-y-2 ps-5 text-soft">
        <li>{t('restore.stop')}</li>
        <li>{t('restore.empty')}</li>
        <li>
          {t('restore.run')}
          <code dir="ltr" className="mt-1 block overflow-x-auto rounded bg-raised p-2 text-ink">
            aielon-edge restore backup.aebk --key storage.key
          </code>
        </li>
        <li>{t('restore.start')}</li>
      </ol>
    </details>
  );
}
