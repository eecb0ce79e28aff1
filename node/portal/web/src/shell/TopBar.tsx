import { useQuery } from '@tanstack/react-query';
import { Inbox, Search, UserRound } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { outbox } from '@/api/outbox';
import { status } from '@/api/node';
import { useStore } from '@/api/store';
import { Button, IconButton } from '@/ui/Button';
import { ConnectionChip } from './ConnectionChip';
import type { Sheet } from './sheet';

export function TopBar({ onOpen }: { onOpen: (s: Sheet) => void }) {
  const { t } = useTranslation();
  const node = useQuery({ ...status, enabled: false }).data;
  const waiting = useStore(outbox);
  return (
    <header className="sticky top-0 z-20 flex min-h-14 items-center gap-2 border-b border-line bg-card/95 px-4 backdrop-blur lg:px-8">
      <p className="min-w-0 truncate text-sm font-semibold">
        <bdi>{node?.siteName || node?.site || 'AiElon Edge'}</bdi>
      </p>
      <ConnectionChip />
      <span className="grow" />
      {waiting.length > 0 && (
        // On a phone there is room for the number; what it is of is said to those who hear it.
        <Button look={waiting.some((w) => w.refused) ? 'danger' : 'plain'} aria-label={t('outbox.chip', { count: waiting.length })} className="whitespace-nowrap" onClick={() => onOpen('outbox')}>
          <Inbox size={16} aria-hidden />
          <span className="figures sm:hidden">{waiting.length}</span>
          <span className="figures hidden sm:inline">{t('outbox.chip', { count: waiting.length })}</span>
        </Button>
      )}
      <button
        type="button"
        onClick={() => onOpen('palette')}
        className="hidden min-h-10 w-56 items-center gap-2 rounded-lg border border-line bg-ground px-3 text-sm text-soft hover:border-soft sm:flex"
      >
        <Search size={16} aria-hidden />
        <span className="grow text-start">{t('search.open')}</span>
        <kbd className="latin text-xs">Ctrl K</kbd>
      </button>
      <IconButton className="sm:hidden" label={t('search.open')} onClick={() => onOpen('palette')}>
        <Search size={20} aria-hidden />
      </IconButton>
      <IconButton label={t('menu.title')} onClick={() => onOpen('menu')}>
        <UserRound size={20} aria-hidden />
      </IconButton>
    </header>
  );
}
