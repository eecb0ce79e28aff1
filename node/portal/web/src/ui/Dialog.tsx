import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { IconButton } from './Button';

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  /** Fixed: only its own buttons close it, because what it shows is shown once. */
  fixed?: boolean;
  side?: boolean;
}

/** A Dialog holds the keyboard until it is closed and gives it back to where it was. */
export function Dialog({ open, onClose, title, children, fixed = false, side = false }: Props) {
  const { t } = useTranslation();
  const stay = fixed ? (e: Event) => e.preventDefault() : undefined;
  const place = side
    ? 'inset-y-0 end-0 w-full max-w-sm border-s'
    : 'inset-x-0 bottom-0 max-h-[92dvh] rounded-t-2xl border sm:inset-auto sm:start-1/2 sm:top-1/2 sm:w-[min(92vw,32rem)] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-2xl sm:rtl:translate-x-1/2';
  return (
    <Radix.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Radix.Content
          aria-describedby={undefined}
          onEscapeKeyDown={stay}
          onInteractOutside={stay}
          className={`fixed z-50 flex flex-col overflow-y-auto border-line bg-card shadow-xl outline-none ${place}`}
        >
          <div className="flex items-center justify-between gap-3 px-5 pt-4 pb-1">
            <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
            {!fixed && (
              <IconButton label={t('common.close')} onClick={onClose}>
                <X size={18} aria-hidden />
              </IconButton>
            )}
          </div>
          <div className="px-5 pt-1 pb-[max(1.25rem,env(safe-area-inset-bottom))]">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
