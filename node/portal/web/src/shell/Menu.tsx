import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { me } from '@/api/identity';
import { Dialog } from '@/ui/Dialog';
import { SignOut } from './SignOut';
import { LanguageChoice, ThemeChoice } from './Preferences';
import { usePlaces } from './places';

/** The Menu is everything about the person and this screen, and on a phone the rest of the places. */
export default function Menu({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  return (
    <Dialog open side onClose={onClose} title={t('menu.title')}>
      {who?.person && (
        <p className="text-sm text-soft">
          <bdi>{t('menu.signedInAs', { name: who.person.displayName || who.person.login })}</bdi>
        </p>
      )}
      <nav aria-label={t('nav.label')} className="my-4 grid grid-cols-2 gap-2">
        {usePlaces().map(({ to, name, icon: Icon }) => (
          <Link key={to} to={to} onClick={onClose} className="flex min-h-12 items-center gap-2.5 rounded-lg border border-line px-3 text-sm hover:bg-raised">
            <Icon size={18} aria-hidden className="text-soft" />
            {t(`nav.${name}`)}
          </Link>
        ))}
      </nav>
      <div className="space-y-4">
        <LanguageChoice />
        <ThemeChoice />
        <div className="flex justify-end border-t border-line pt-4">
          <SignOut />
        </div>
      </div>
    </Dialog>
  );
}
