import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { me, people } from '@/api/identity';
import { type Permission, type RoleRule, permissions, roleRules } from '@/api/policy';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { useCode } from '@/ui/useCode';
import { byArea } from './areas';
import { useRoleName } from './roleNames';

/** What each role may do. It is asked of the node's policies, so it is what is decided by and no table beside them. */
export default function Roles() {
  const { t } = useTranslation();
  const query = useQuery(roleRules);
  const all = useQuery(permissions);
  const back = (
    <Link to="/people" className={linkLooks()}>
      {t('people.all')}
    </Link>
  );
  return (
    <Page title={t('roles.title')} lead={t('roles.lead')} action={back}>
      <Loaded query={query} lines={8}>
        {({ roles = [] }) => (
          <Loaded query={all} lines={8}>
            {({ permissions = [] }) => (
              <div className="grid items-start gap-4 lg:grid-cols-2">
                {roles
                  .filter((r) => r.kinds?.includes('person'))
                  .map((r) => (
                    <RoleCard key={r.name} role={r} permissions={permissions} />
                  ))}
              </div>
            )}
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}

function RoleCard({ role, permissions }: { role: RoleRule; permissions: Permission[] }) {
  const { t } = useTranslation();
  const f = useFormats();
  const roleName = useRoleName();
  const code = useCode();
  const name = role.name ?? '';
  const mine = useQuery({ ...me, enabled: false }).data?.roles?.includes(name);
  const holders = useQuery({ ...people, staleTime: 60_000 }).data?.people?.filter((p) => p.roles?.some((r) => r === name || r.startsWith(`${name}@`))).length;
  const rows = byArea(permissions, role.permissions ?? []);
  return (
    <Card
      title={roleName(name)}
      action={
        <span className="flex gap-1.5">
          {mine && <Badge tone="good">{t('roles.yours')}</Badge>}
          {holders !== undefined && <Badge>{t('roles.holders', { count: holders })}</Badge>}
        </span>
      }
    >
      <p className="mb-2 text-sm text-soft">{code('roleDoc', name, role.doc)}</p>
      <p className="text-xs text-soft">{role.areas && t('roles.areas')}</p>
      <details className="text-sm">
        <summary className="inline-block min-h-8 py-1 font-medium text-accent">{t('roles.what', { count: role.permissions?.length ?? 0 })}</summary>
        <dl className="mt-1 divide-y divide-line">
          {rows.map((r) => (
            <div key={r.area} className="py-2">
              <dt className="flex flex-wrap items-center justify-between gap-2 font-medium">
                <bdi>{code('area', r.area)}</bdi>
                <span className="flex gap-1.5">
                  {r.sees.length > 0 && <Badge>{t('roles.sees')}</Badge>}
                  {r.changes.length > 0 && <Badge tone="warn">{t('roles.changes')}</Badge>}
                </span>
              </dt>
              <dd>
                <ul className="mt-1 space-y-1 font-normal">
                  {[...r.sees, ...r.changes].map((p) => (
                    <li key={p.name}>
                      {code('permission', p.name, p.doc)} <bdi className="latin font-mono text-xs text-soft">{p.name}</bdi>
                    </li>
                  ))}
                </ul>
              </dd>
            </div>
          ))}
        </dl>
        {rows.length === 0 && <p className="text-soft">{f.count(0)}</p>}
      </details>
    </Card>
  );
}
