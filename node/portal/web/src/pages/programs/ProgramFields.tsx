import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { permissions, roleRules } from '@/api/policy';
import { useRoleName } from '@/pages/people/roleNames';
import { Area, Check, Field, Select } from '@/ui/Field';
import { type Kind, plainScopes, useScopeName } from './words';

const kinds: Kind[] = ['app', 'server', 'self'];

/** What is asked for of a new program. What its kind has no use for is not there. */
export function ProgramFields({ kind, onKind }: { kind: Kind; onKind: (k: Kind) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Field label={t('program.name')} name="name" required maxLength={100} help={t('program.nameHelp')} autoFocus />
      <Select label={t('program.kind')} value={kind} onChange={(e) => onKind(e.target.value as Kind)} help={t(`program.${kind}Help`)}>
        {kinds.map((k) => (
          <option key={k} value={k}>
            {t(`program.${k}`)}
          </option>
        ))}
      </Select>
      {kind !== 'self' && <Area label={t('program.redirects')} name="redirects" required rows={2} maxLength={8_000} placeholder="https://example.org/callback" help={t('program.redirectsHelp')} />}
      {kind !== 'app' && <Area label={t('program.keys')} name="jwks" required rows={4} maxLength={32_768} placeholder={'{"keys": [{"kty": "EC", "crv": "P-256", "x": "…", "y": "…"}]}'} help={t('program.keysHelp')} />}
      {kind === 'self' && <Roles />}
      <Scopes kind={kind} />
      <Field label={t('program.smart')} name="smart" latin maxLength={4_000} placeholder={kind === 'self' ? 'system/Observation.rs' : 'patient/Observation.rs'} help={t('program.smartHelp')} />
      <Check label={t('program.bound')} name="bound" help={t('program.boundHelp')} />
    </>
  );
}

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

/** What needs a person at the door is no program's to ask for, and what is open to all nobody has to ask for. */
function Scopes({ kind }: { kind: Kind }) {
  const { t } = useTranslation();
  const scopeName = useScopeName();
  const all = (useQuery(permissions).data?.permissions ?? []).filter((p) => p.strength === 'token').map((p) => p.name ?? '');
  const offered = kind === 'self' ? all : [...plainScopes, ...all];
  return (
    <fieldset>
      <legend className="text-sm font-medium">{t('program.scopes')}</legend>
      <p className="mb-1 text-xs text-soft">{t('program.scopesHelp')}</p>
      <div tabIndex={0} role="group" aria-label={t('program.scopes')} className="max-h-56 overflow-y-auto rounded-lg border border-line px-3 py-1">
        {offered.map((s) => (
          <Check key={s} label={scopeName(s)} help={<bdi className="latin font-mono">{s}</bdi>} name="scopes" value={s} defaultChecked={s === 'openid'} />
        ))}
      </div>
    </fieldset>
  );
}
