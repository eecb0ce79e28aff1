import { type FormEvent, type ReactNode, useState } from 'react';
import { Notice } from './Badge';
import { Button } from './Button';
import { useSentence } from './useSentence';

interface Props {
  submit: string;
  onSubmit: (data: FormData) => Promise<unknown>;
  children: ReactNode;
  extra?: ReactNode;
}

/** A Form sends once at a time and keeps what was typed when it is refused. */
export function Form({ submit, onSubmit, children, extra }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const sentence = useSentence();
  const send = async (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await onSubmit(new FormData(e.currentTarget));
    } catch (err) {
      setError(err);
    } finally {
      setBusy(false);
    }
  };
  const said = error === undefined ? undefined : sentence(error);
  return (
    <form onSubmit={(e) => void send(e)} className="space-y-4">
      {children}
      {said && (
        <Notice tone="bad" hint={said.hint}>
          {said.text}
        </Notice>
      )}
      <div className="flex flex-wrap items-center justify-end gap-2">
        {extra}
        <Button type="submit" look="main" busy={busy}>
          {submit}
        </Button>
      </div>
    </form>
  );
}

export const text = (data: FormData, name: string) => String(data.get(name) ?? '').trim();
