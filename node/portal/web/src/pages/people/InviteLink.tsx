import { useTranslation } from 'react-i18next';
import type { NewInvitation } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Secret } from '@/ui/Secret';

/** The link somebody opens on their own phone. The code stands behind #, so that no server ever logs it. */
export function InviteLink({ made, onDone }: { made: NewInvitation; onDone: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  return (
    <div className="space-y-4">
      <Notice tone="warn">{t('people.inviteOnce', { time: f.moment(made.invitation?.until) })}</Notice>
      <Secret label={t('people.inviteLink')} value={`${location.origin}/welcome#${made.code}`} />
      <div className="flex justify-end">
        <Button look="main" onClick={onDone}>
          {t('common.done')}
        </Button>
      </div>
    </div>
  );
}
