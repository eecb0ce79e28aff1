import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { type Self, me } from '@/api/identity';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { useRoleName } from '@/pages/people/roleNames';
import { LanguageChoice, ThemeChoice } from '@/shell/Preferences';
import { SignOut } from '@/shell/SignOut';
import { Badge } from '@/ui/Badge';
import { Card, Facts } from '@/ui/Card';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Columns, Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Passkeys } from './Passkeys';
import { PasswordCard } from './PasswordCard';
import { Sessions } from './Sessions';
import { TotpCard } from './TotpCard';

export default function Account() {
  const { t } = useTranslation();
  const query = useQuery(me);
  return (
    <Page title={t('nav.account')} lead={t('account.lead')} action={<SignOut />}>
      <Loaded query={query} lines={8}>
        {(self) => (
          <Columns>
            <Profile self={self} />
            <Passkeys />
            <TotpCard self={self} />
            <PasswordCard />
            <Card title={t('account.screen')}>
              <div className="grid gap-4 sm:grid-cols-2">
                <LanguageChoice />
                <ThemeChoice />
              </div>
            </Card>
            <Sessions />
          </Columns>
        )}
      </Loaded>
    </Page>
  );
}

function Profile({ self }: { self: Self }) {
  const { t } = useTranslation();
  const f = useFormats();
  const roleName = useRoleName();
  const send = useCommand();
  const save = (data: FormData) =>
    send({ method: 'PATCH', path: '/v1/me', body: { displayName: text(data, 'name') }, label: 'account.changing' }, t('common.saved'));
  return (
    <Card title={t('account.profile')}>
      <Form submit={t('common.save')} onSubmit={save}>
        <Field label={t('people.name')} name="name" defaultValue={self.person?.displayName} maxLength={100} autoComplete="name" />
      </Form>
      <div className="mt-3">
        <Facts
          rows={[
            [t('signin.login'), <bdi className="latin font-mono">{self.person?.login}</bdi>],
            [t('people.roles'), <span className="flex flex-wrap justify-end gap-1.5">{(self.roles ?? []).map((r) => <Badge key={r}>{roleName(r)}</Badge>)}</span>],
            [t('account.until'), f.moment(self.until)],
            // Whoever at a desk does something for this person needs it.
            [t('devices.id'), <bdi className="latin font-mono text-xs break-all select-all">{self.person?.id ?? self.id}</bdi>],
          ]}
        />
      </div>
    </Card>
  );
}
