import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { NewInvitation } from '@/api/identity';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { InviteLink } from './InviteLink';
import { RoleChoice, chosenRoles } from './RoleChoice';

/** An invitation lets somebody choose their own proofs; nobody ever knows another one's password. */
export function Invite({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [made, setMade] = useState<NewInvitation>();
  const invite = async (data: FormData) => {
    setMade(await command<NewInvitation>('POST', '/v1/invitations', { login: text(data, 'login'), roles: chosenRoles(data) }));
    void client.invalidateQueries({ queryKey: ['invitations'] });
  };
  return (
    <Dialog open fixed={made !== undefined} onClose={onClose} title={t('people.invite')}>
      {made ? (
        <InviteLink made={made} onDone={onClose} />
      ) : (
        <Form submit={t('people.invite')} onSubmit={invite} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
          <Field label={t('people.login')} name="login" latin maxLength={64} help={t('people.loginHelp')} autoFocus />
          <RoleChoice held={['member']} />
        </Form>
      )}
    </Dialog>
  );
}
