import { X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useStore } from '@/api/store';
import { Sign } from '@/ui/Badge';
import { Button, IconButton } from '@/ui/Button';
import { drop, toasts } from '@/ui/toast';

export function Toasts() {
  const { t } = useTranslation();
  const all = useStore(toasts);
  return (
    <div role="region" aria-live="polite" aria-label={t('common.messages')} className="pointer-events-none fixed inset-x-0 bottom-20 z-[60] flex flex-col items-center gap-2 px-4 lg:bottom-6 lg:items-end lg:px-8">
      {all.map((x) => (
        <div key={x.id} role={x.tone === 'bad' ? 'alert' : undefined} className="pointer-events-auto flex w-full max-w-md items-start gap-3 rounded-xl border border-line bg-card p-3 ps-4 text-sm shadow-lg">
          <span className="mt-0.5">
            <Sign tone={x.tone} />
          </span>
          <div className="min-w-0 grow">
            <p className="font-medium break-words">{x.text}</p>
            {x.hint && <p className="break-words text-soft">{x.hint}</p>}
            {x.action && (
              <Button className="mt-2" onClick={x.action.run}>
                {x.action.label}
              </Button>
            )}
          </div>
          <IconButton label={t('common.close')} className="-m-1.5 size-8" onClick={() => drop(x.id)}>
            <X size={16} aria-hidden />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
