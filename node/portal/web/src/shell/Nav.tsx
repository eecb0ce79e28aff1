import { Link } from '@tanstack/react-router';
import { Menu } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type Place, usePlaces } from './places';

function Item({ place }: { place: Place }) {
  const { t } = useTranslation();
  const Icon = place.icon;
  return (
    <Link
      to={place.to}
      activeOptions={{ exact: place.to === '/' }}
      className="flex min-h-10 items-center gap-3 rounded-lg px-3 text-sm text-soft hover:bg-raised hover:text-ink"
      activeProps={{ className: 'bg-accent-ground text-accent! font-semibold', 'aria-current': 'page' }}
    >
      <Icon size={18} aria-hidden />
      {t(`nav.${place.name}`)}
    </Link>
  );
}

export function SideBar() {
  const { t } = useTranslation();
  return (
    <nav aria-label={t('nav.label')} className="sticky top-0 hidden h-dvh flex-col gap-1 overflow-y-auto border-e border-line bg-card p-3 lg:flex">
      <div className="mb-3 flex items-center gap-2.5 px-2 pt-2">
        <img src="/icon.svg" alt="" width={28} height={28} className="rounded-lg" />
        <span className="latin font-semibold">AiElon Edge</span>
      </div>
      {usePlaces().map((p) => (
        <Item key={p.to} place={p} />
      ))}
    </nav>
  );
}

/** On a phone the first places lie under the thumb; the rest is behind the last button. */
export function BottomBar({ onMore }: { onMore: () => void }) {
  const { t } = useTranslation();
  const shape = 'flex min-h-14 flex-1 flex-col items-center justify-center gap-0.5 text-xs text-soft';
  return (
    <nav aria-label={t('nav.label')} className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-card pb-[env(safe-area-inset-bottom)] lg:hidden">
      {usePlaces()
        .slice(0, 4)
        .map(({ to, name, icon: Icon }) => (
          <Link
            key={to}
            to={to}
            activeOptions={{ exact: to === '/' }}
            className={shape}
            activeProps={{ className: 'text-accent! font-semibold', 'aria-current': 'page' }}
          >
            <Icon size={20} aria-hidden />
            {t(`nav.${name}`)}
          </Link>
        ))}
      <button type="button" className={shape} onClick={onMore}>
        <Menu size={20} aria-hidden />
        {t('nav.more')}
      </button>
    </nav>
  );
}
