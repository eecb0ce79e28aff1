import { type FormEvent, type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { newId } from '@/api/money/id';
import { type Outcome, useMove } from '@/api/money/useMove';
import type { Command } from '@/api/outbox';
import { passing } from '@/api/problem';
import { Button } from '@/ui/Button';
import { Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Said } from './Outcome';

interface Props {
  title: string;
  onClose: () => void;
  /** The form, which keeps its own values. */
  children: ReactNode;
  /** All that is needed is there. */
  ready: boolean;
  /** What will happen, to be looked at before it does. */
  facts: [ReactNode, ReactNode][];
  note?: ReactNode;
  verb: string;
  done: string;
  command: (id: string) => Command;
}

/**
 * A Move is one dialog in three steps: what, look once more, what became of it. The id is chosen between the first and the second,
 * so that pressing twice, or a lost answer, moves nothing twice.
 */
export function Move({ title, onClose, children, ready, facts, note, verb, done, command }: Props) {
  const { t } = useTranslation();
  const move = useMove();
  const [id, setId] = useState('');
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const look = (e: FormEvent) => {
    e.preventDefault();
    if (ready) setId(newId());
  };
  const send = async () => {
    setBusy(true);
    setOutcome(await move(command(id)));
    setBusy(false);
  };
  const change = () => {
    setId('');
    setOutcome(undefined);
  };
  // The node was away or busy: the same again, under the same id. What was refused for good spent it.
  const again = outcome?.is === 'refused' && passing(outcome.error);
  return (
    <Dialog open fixed={busy} onClose={onClose} title={title}>
      {/* It stays behind the other steps and keeps what was typed. */}
      <form hidden={id !== ''} onSubmit={look} className="space-y-4">
        {children}
        <div className="flex justify-end">
          <Button type="submit" look="main" disabled={!ready}>
            {t('common.next')}
          </Button>
        </div>
      </form>
      {id && (
        <div className="space-y-4">
          <Facts rows={facts} />
          {note && !outcome && <p className="text-sm text-soft">{note}</p>}
          {outcome && <Said outcome={outcome} id={id} done={done} />}
          <div className="flex flex-wrap justify-end gap-2">
            {(!outcome || outcome.is === 'refused') && (
              <Button onClick={change} disabled={busy}>
                {t('common.edit')}
              </Button>
            )}
            {(!outcome || again) && (
              <Button look="main" busy={busy} onClick={() => void send()}>
                {outcome ? t('common.again') : verb}
              </Button>
            )}
            {outcome && !again && (
              <Button look={outcome.is === 'refused' ? 'plain' : 'main'} onClick={onClose}>
                {t('common.close')}
              </Button>
            )}
          </div>
        </div>
      )}
    </Dialog>
  );
}
