import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { me, setUp } from '@/api/identity';
import { renew } from '@/api/rpc';
import { useStore } from '@/api/store';
import { language } from '@/i18n';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { NewPassword } from '@/ui/NewPassword';

export interface NewSite {
  code: string;
  name: string;
}

export function SiteStep({ site, onDone }: { site: NewSite; onDone: (s: NewSite) => void }) {
  const { t } = useTranslation();
  return (
    <Form submit={t('common.next')} onSubmit={async (d) => onDone({ code: text(d, 'code'), name: text(d, 'name') })}>
      <Field label={t('setup.code')} name="code" latin required maxLength={200} defaultValue={site.code} autoFocus autoComplete="off" help={t('setup.codeHelp')} />
      <Field label={t('setup.siteName')} name="name" required maxLength={100} defaultValue={site.name} help={t('setup.siteNameHelp')} />
    </Form>
  );
}

export function PersonStep({ site, onDone, onBack }: { site: NewSite; onDone: () => void; onBack: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const lang = useStore(language);
  const send = async (d: FormData) => {
    await setUp({ code: site.code, login: text(d, 'login'), displayName: text(d, 'name'), password: String(d.get('password')), language: lang });
    client.removeQueries({ queryKey: ['me'] });
    await client.fetchQuery(me);
    renew();
    await command('PUT', '/v1/settings/site.name', { value: site.name });
    onDone();
  };
  return (
    <Form submit={t('setup.make')} onSubmit={send} extra={<Button onClick={onBack}>{t('common.back')}</Button>}>
      <Field label={t('people.name')} name="name" required maxLength={100} autoComplete="name" autoFocus />
      <Field label={t('signin.login')} name="login" latin required maxLength={64} autoComplete="username" help={t('people.loginHelp')} />
      <NewPassword />
    </Form>
  );
}
