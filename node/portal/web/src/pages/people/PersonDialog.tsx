import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { NewInvitation, Person } from '@/api/identity';
import { useCommand } from '@/api/useCommand';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { InviteLink } from './InviteLink';
import { PersonActions } from './PersonActions';
import { RoleChoice, chosenRoles } from './RoleChoice';

const same = (a: string[], b: string[]) => a.length === b.length && a.every((x) => b.includes(x));

export function PersonDialog({ person, self, onClose }: { person: Person; self: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const send = useCommand();
  const [reset, setReset] = useState<NewInvitation>();
  const path = `/v1/people/${encodeURIComponent(person.id)}`;
  const name = person.displayName || person.login || person.id;
  const save = async (data: FormData) => {
    const displayName = text(data, 'name');
    const roles = chosenRoles(data);
    const values = { name };
    if (displayName !== person.displayName && !(await send({ method: 'PATCH', path, body: { displayName }, label: 'people.changing', values }))) return;
    if (!same(roles, person.roles ?? []) && !(await send({ method: 'PUT', path: `${path}/roles`, body: { roles }, label: 'people.changing', values }, t('common.saved')))) return;
    onClose();
  };
  const makeReset = async () => setReset(await command<NewInvitation>('POST', `${path}/reset`));
  return (
    <Dialog open fixed={reset !== undefined} onClose={onClose} title={name}>
      {reset ? (
        <InviteLink made={reset} onDone={onClose} />
      ) : (
        <>
          <Form submit={t('common.save')} onSubmit={save} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
            <Field label={t('people.name')} name="name" maxLength={100} defaultValue={person.displayName} />
            <RoleChoice held={person.roles} />
          </Form>
          {!self && <PersonActions person={person} path={path} name={name} onReset={makeReset} onClose={onClose} />}
        </>
      )}
    </Dialog>
  );
}
