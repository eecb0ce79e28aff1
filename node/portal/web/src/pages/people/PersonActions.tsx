import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Person } from '@/api/identity';
import { useCommand } from '@/api/useCommand';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { toast } from '@/ui/toast';
import { useSentence } from '@/ui/useSentence';

interface Props {
  person: Person;
  path: string;
  name: string;
  onReset: () => Promise<void>;
  onClose: () => void;
}

export function PersonActions({ person, path, name, onReset, onClose }: Props) {
  const { t } = useTranslation();
  const sentence = useSentence();
  const send = useCommand();
  const go = useNavigate();
  const suspended = person.status === 'suspended';
  const act = async (verb: 'suspend' | 'reinstate') => {
    const label = verb === 'suspend' ? 'people.suspending' : 'people.restoring';
    if (await send({ method: 'POST', path: `${path}/${verb}`, label, values: { name } }, t('common.saved'))) onClose();
  };
  const remove = async () => {
    if (await send({ method: 'DELETE', path, label: 'people.removing', values: { name } }, t('common.saved'), () => go({ to: '/people' }))) onClose();
  };
  const reset = () => onReset().catch((e: unknown) => toast({ tone: 'bad', ...sentence(e) }));
  return (
    <div className="mt-5 flex flex-wrap justify-end gap-2 border-t border-line pt-4">
      <Confirm danger={false} label={t('people.reset')} title={t('people.resetTitle', { name })} text={t('people.resetText')} onConfirm={reset} />
      {suspended ? (
        <Button onClick={() => void act('reinstate')}>{t('people.restore')}</Button>
      ) : (
        <Confirm label={t('people.suspend')} title={t('people.suspendTitle', { name })} text={t('people.suspendText')} onConfirm={() => act('suspend')} />
      )}
      <Confirm label={t('common.remove')} title={t('people.removeTitle', { name })} text={t('people.removeText')} onConfirm={remove} />
    </div>
  );
}
