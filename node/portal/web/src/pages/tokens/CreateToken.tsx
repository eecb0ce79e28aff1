import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { me } from '@/api/identity';
import { permissions, roleRules } from '@/api/policy';
import type { NewToken } from '@/api/tokens';
import { useFormats } from '@/i18n/format';
import { chosenRoles } from '@/pages/people/RoleChoice';
import { useRoleName } from '@/pages/people/roleNames';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Check, Field, Select } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Secret } from '@/ui/Secret';
import { useCode } from '@/ui/useCode';

const day = 86_400;
const lives = [30, 90, 365, 730];

export function CreateToken({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const client = useQueryClient();
  const [made, setMade] = useState<NewToken>();
  const make = async (d: FormData) => {
    const body = { name: text(d, 'name'), roles: chosenRoles(d), scopes: d.getAll('scopes').map(String), lifeSeconds: String(Number(text(d, 'life')) * day) };
    setMade(await command<NewToken>('POST', '/v1/tokens', body));
    void client.invalidateQueries({ queryKey: ['tokens'] });
  };
  return (
    <Dialog open fixed={made !== undefined} onClose={onClose} title={t('token.add')}>
      {made ? (
        <div className="space-y-4">
          <Notice tone="warn">{t('token.once', { when: f.moment(made.token?.until) })}</Notice>
          <Secret label={t('token.secret')} value={made.secret ?? ''} qr={false} />
          <p className="text-sm text-soft">{t('token.use')}</p>
          <code dir="ltr" className="block overflow-x-auto rounded bg-raised p-2 text-xs">
            Authorization: Bearer …
          </code>
          <div className="flex justify-end">
            <Button look="main" onClick={onClose}>
              {t('devices.tokenKept')}
            </Button>
          </div>
        </div>
      ) : (
        <Form submit={t('token.make')} onSubmit={make} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
          <Field label={t('token.name')} name="name" required maxLength={100} help={t('token.nameHelp')} autoFocus />
          <Roles />
          <Scopes />
          <Select label={t('token.life')} name="life" defaultValue="90">
            {lives.map((n) => (
              <option key={n} value={n}>
                {t('devices.days', { count: n })}
              </option>
            ))}
          </Select>
        </Form>
      )}
    </Dialog>
  );
}

/** Roles a program can hold; the node lends only what the person has. */
function Roles() {
  const { t } = useTranslation();
  const roleName = useRoleName();
  const all = useQuery(roleRules).data?.roles ?? [];
  return (
    <fieldset>
      <legend className="text-sm font-medium">{t('people.roles')}</legend>
      <p className="mb-1 text-xs text-soft">{t('token.rolesHelp')}</p>
      <div className="grid gap-x-4 sm:grid-cols-2">
        {all
          .filter((r) => r.kinds?.includes('service'))
          .map((r) => (
            <Check key={r.name} label={roleName(r.name ?? '')} name="roles" value={r.name} />
          ))}
      </div>
    </fieldset>
  );
}

function Scopes() {
  const { t } = useTranslation();
  const code = useCode();
  const mine = useQuery({ ...me, enabled: false }).data?.may;
  const all = useQuery(permissions).data?.permissions ?? [];
  // What needs a person at the door, no token can do.
  const lendable = all.filter((p) => !['password', 'two-factor', 'passkey'].includes(p.strength ?? '') && (!mine || mine.includes(p.name ?? '')));
  return (
    <details>
      <summary className="inline-block min-h-8 py-1 text-sm font-medium text-accent">{t('token.scopes')}</summary>
      <p className="mb-1 text-xs text-soft">{t('token.scopesHelp')}</p>
      <fieldset tabIndex={0} className="max-h-56 overflow-y-auto rounded-lg border border-line px-3 py-1">
        <legend className="sr-only">{t('token.scopes')}</legend>
        {lendable.map((p) => (
          <Check key={p.name} label={code('permission', p.name, p.doc)} help={<bdi className="latin font-mono">{p.name}</bdi>} name="scopes" value={p.name} />
        ))}
      </fieldset>
    </details>
  );
}
