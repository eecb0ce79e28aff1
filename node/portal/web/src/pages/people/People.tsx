import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Person, may, me, people } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button, linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Invitations } from './Invitations';
import { Invite } from './Invite';
import { useRoleName } from './roleNames';

export default function People() {
  const { t } = useTranslation();
  const query = useQuery(people);
  const who = useQuery({ ...me, enabled: false }).data;
  const manages = may(who, 'identity.manage');
  const [inviting, setInviting] = useState(false);
  const invite = (
    <>
      {may(who, 'policy.read') && (
        <Link to="/people/roles" className={linkLooks()}>
          {t('roles.title')}
        </Link>
      )}
      {manages && (
        <Button look="main" onClick={() => setInviting(true)}>
          <Plus size={18} aria-hidden />
          {t('people.invite')}
        </Button>
      )}
    </>
  );
  return (
    <Page title={t('nav.people')} lead={t('people.lead')} action={invite}>
      <Loaded query={query} lines={6}>
        {({ people = [] }) => (
          <Card flush>
            <ul className="divide-y divide-line">
              {people.map((p) => (
                <PersonRow key={p.id} person={p} self={p.id === who?.id} />
              ))}
            </ul>
          </Card>
        )}
      </Loaded>
      <Invitations manages={manages} />
      {inviting && <Invite onClose={() => setInviting(false)} />}
    </Page>
  );
}

function PersonRow({ person: p, self }: { person: Person; self: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const roleName = useRoleName();
  const second = (p.passkeys ?? 0) > 0 || p.hasTotp;
  return (
    <li>
      <Link to="/people/$id" params={{ id: p.id }} className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-2 px-4 py-2.5 hover:bg-raised/60 md:grid-cols-[minmax(0,1fr)_auto_auto]">
      <div className="min-w-0">
        <p className="truncate font-medium">
          <bdi>{p.displayName || p.login}</bdi> {self && <Badge>{t('people.you')}</Badge>}
        </p>
        <p className="truncate text-xs text-soft">
          <bdi className="font-mono">{p.login}</bdi> · {t('people.since', { when: f.ago(p.created) })}
        </p>
      </div>
      <div className="order-last col-span-2 flex flex-wrap gap-1.5 md:order-none md:col-span-1 md:justify-end">
        {p.status === 'suspended' && <Badge tone="bad">{t('people.suspended')}</Badge>}
        {!second && <Badge tone="warn">{t('people.passwordOnly')}</Badge>}
        {(p.roles ?? []).map((r) => (
          <Badge key={r}>{roleName(r)}</Badge>
        ))}
      </div>
      </Link>
    </li>
  );
}
