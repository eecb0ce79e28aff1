import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { useStore } from '@/api/store';
import { useFormats } from '@/i18n/format';
import { Button } from '@/ui/Button';
import { Sign } from '@/ui/Badge';
import { takeOver, update } from './worker';

/** The Banner says when what is on show may be old, and when a newer build waits. */
export function Banner() {
  const { t } = useTranslation();
  const f = useFormats();
  const { reachable, since } = useStore(connection);
  const newer = useStore(update);
  return (
    <div role="status">
      {!reachable && (
        <p className="flex items-center gap-2 bg-warn-ground px-4 py-2 text-sm text-warn lg:px-8">
          <Sign tone="warn" />
          {t('connection.stale', { time: f.time(since) })}
        </p>
      )}
      {newer && (
        <div className="flex flex-wrap items-center gap-3 bg-accent-ground px-4 py-2 text-sm lg:px-8">
          {t('update.ready')}
          <Button look="main" onClick={takeOver}>
            {t('update.take')}
          </Button>
        </div>
      )}
    </div>
  );
}
