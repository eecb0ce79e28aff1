import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Invitation, accept, showInvitation } from '@/api/identity';
import { useStore } from '@/api/store';
import { language } from '@/i18n';
import { LanguageChoice } from '@/shell/Preferences';
import { useRoleName } from '@/pages/people/roleNames';
import { Badge } from '@/ui/Badge';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { NewPassword } from '@/ui/NewPassword';
import { Solo } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { useEnter } from './SignIn';

/** Somebody who was invited chooses their own name and password here. */
export default function Accept() {
  const { t } = useTranslation();
  const [code] = useState(() => decodeURIComponent(location.hash.slice(1)));
  const query = useQuery({ queryKey: ['invitation'], queryFn: () => showInvitation(code), retry: false, staleTime: Infinity });
  return (
    <Solo title={t('accept.title')} lead={t(query.data?.person ? 'accept.leadReset' : 'accept.lead')}>
      <Loaded query={query}>{(i) => <Choose code={code} invitation={i} />}</Loaded>
      <div className="mt-8 border-t border-line pt-5">
        <LanguageChoice />
      </div>
    </Solo>
  );
}

function Choose({ code, invitation: i }: { code: string; invitation: Invitation }) {
  const { t } = useTranslation();
  const roleName = useRoleName();
  const enter = useEnter();
  const lang = useStore(language);
  const send = async (data: FormData) => {
    await accept({ code, login: text(data, 'login'), displayName: text(data, 'name'), password: String(data.get('password')), language: lang });
    await enter();
  };
  return (
    <Form submit={t('accept.submit')} onSubmit={send}>
      {!i.person && (
        <>
          <p className="flex flex-wrap gap-1.5">
            {(i.roles ?? []).map((r) => (
              <Badge key={r}>{roleName(r)}</Badge>
            ))}
          </p>
          <Field label={t('people.name')} name="name" required maxLength={100} autoComplete="name" autoFocus />
        </>
      )}
      <Field label={t('signin.login')} name="login" latin required maxLength={64} defaultValue={i.login} readOnly={Boolean(i.login)} autoComplete="username" />
      <NewPassword />
    </Form>
  );
}
