import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Person, may, me, person } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { languages } from '@/i18n';
import { Badge } from '@/ui/Badge';
import { Button, linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { PersonConsent } from './PersonConsent';
import { PersonDialog } from './PersonDialog';
import { PersonEmergencies } from './PersonEmergencies';
import { PersonRecords } from './PersonRecords';
import { PersonSessions } from './PersonSessions';
import { useNames } from './names';
import { useRoleName } from './roleNames';

/** One person: who they are here, how they prove it, where they are signed in, and what they did. */
export default function PersonPage() {
  const { t } = useTranslation();
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useQuery(person(id));
  const who = useQuery({ ...me, enabled: false }).data;
  const [editing, setEditing] = useState(false);
  const p = query.data;
  const self = who?.id === id;
  const action = (
    <>
      <Link to="/people" className={linkLooks()}>
        {t('people.all')}
      </Link>
      {p && may(who, 'identity.manage') && (
        <Button look="main" onClick={() => setEditing(true)}>
          {t('common.edit')}
        </Button>
      )}
    </>
  );
  return (
    <Page title={p?.displayName || p?.login || id} lead={p && <bdi className="latin font-mono">{p.login}</bdi>} action={action}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="min-w-0 space-y-4">
          <Card title={t('people.about')}>
            <Loaded query={query} lines={7}>
              {(p) => <About person={p} self={self} />}
            </Loaded>
          </Card>
          <PersonSessions id={id} />
          {may(who, 'breakglass.review') && <PersonEmergencies id={id} />}
        </div>
        <div className="min-w-0 space-y-4">
          <Card title={t('people.proofs')}>
            <Loaded query={query} lines={3}>
              {(p) => <Proofs person={p} />}
            </Loaded>
          </Card>
          {may(who, 'audit.read') && <PersonRecords id={id} />}
          {may(who, 'consent.read') && <PersonConsent id={id} />}
        </div>
      </div>
      {editing && p && <PersonDialog person={p} self={self} onClose={() => setEditing(false)} />}
    </Page>
  );
}

function About({ person: p, self }: { person: Person; self: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const roleName = useRoleName();
  const lang = p.language && p.language in languages ? languages[p.language as keyof typeof languages].name : p.language;
  const rows: [ReactNode, ReactNode][] = [
    [t('people.state'), <>{p.status === 'suspended' ? <Badge tone="bad">{t('people.suspended')}</Badge> : <Badge tone="good">{t('people.active')}</Badge>} {self && <Badge>{t('people.you')}</Badge>}</>],
    [
      t('people.roles'),
      <span className="flex flex-wrap justify-end gap-1.5">
        {(p.roles ?? []).map((r) => (
          <Badge key={r}>{roleName(r)}</Badge>
        ))}
        {!p.roles?.length && '–'}
      </span>,
    ],
    [t('people.joined'), f.moment(p.created)],
    ...(p.by ? ([[t('people.by'), <bdi>{name(p.by)}</bdi>]] as [ReactNode, ReactNode][]) : []),
    ...(lang ? ([[t('menu.language'), <bdi>{lang}</bdi>]] as [ReactNode, ReactNode][]) : []),
    [t('devices.id'), <bdi className="latin font-mono text-xs break-all">{p.id}</bdi>],
  ];
  return (
    <>
      <Facts rows={rows} />
      <p className="mt-2 text-sm">
        <Link to="/people/roles" className="text-accent underline">
          {t('people.whatRoles')}
        </Link>
      </p>
    </>
  );
}

function Proofs({ person: p }: { person: Person }) {
  const { t } = useTranslation();
  const f = useFormats();
  const has = (on: boolean) => <Badge tone={on ? 'good' : 'none'}>{t(on ? 'common.on' : 'common.off')}</Badge>;
  const second = (p.passkeys ?? 0) > 0 || p.hasTotp;
  return (
    <>
      <Facts
        rows={[
          [t('account.passkeys'), f.count(p.passkeys)],
          [t('account.totp'), has(p.hasTotp === true)],
          [t('signin.password'), has(p.hasPassword === true)],
        ]}
      />
      {!second && <p className="mt-2 text-sm text-warn">{t('people.weak')}</p>}
    </>
  );
}
