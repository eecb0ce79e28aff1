import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './Button';
import { Dialog } from './Dialog';

interface Props {
  label: string;
  title: string;
  text: string;
  onConfirm: () => Promise<unknown> | void;
  danger?: boolean;
}

/** A Confirm asks before what cannot be taken back, in words that say what will happen. */
export function Confirm({ label, title, text, onConfirm, danger = true }: Props) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    try {
      await onConfirm();
      setOpen(false);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button look={danger ? 'danger' : 'plain'} onClick={() => setOpen(true)}>
        {label}
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={title}>
        <p className="text-sm">{text}</p>
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button onClick={() => setOpen(false)}>{t('common.cancel')}</Button>
          <Button look={danger ? 'danger' : 'main'} busy={busy} onClick={() => void act()}>
            {label}
          </Button>
        </div>
      </Dialog>
    </>
  );
}
