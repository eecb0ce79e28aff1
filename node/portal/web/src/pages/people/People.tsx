import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Person, may, me, people } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Invitations } from './Invitations';
import { Invite } from './Invite';
import { PersonDialog } from './PersonDialog';
import { useRoleName } from './roleNames';

export default function People() {
  const { t } = useTranslation();
  const query = useQuery(people);
  const who = useQuery({ ...me, enabled: false }).data;
  const manages = may(who, 'identity.manage');
  const [open, setOpen] = useState<Person | 'invite'>();
  const close = () => setOpen(undefined);
  const invite = manages && (
    <Button look="main" onClick={() => setOpen('invite')}>
      <Plus size={18} aria-hidden />
      {t('people.invite')}
    </Button>
  );
  return (
    <Page title={t('nav.people')} lead={t('people.lead')} action={invite}>
      <Loaded query={query} lines={6}>
        {({ people = [] }) => (
          <Card flush>
            <ul className="divide-y divide-line">
              {people.map((p) => (
                <PersonRow key={p.id} person={p} self={p.id === who?.id} onOpen={manages ? () => setOpen(p) : undefined} />
              ))}
            </ul>
          </Card>
        )}
      </Loaded>
      <Invitations manages={manages} />
      {open === 'invite' && <Invite onClose={close} />}
      {typeof open === 'object' && <PersonDialog person={open} self={open.id === who?.id} onClose={close} />}
    </Page>
  );
}

function PersonRow({ person: p, self, onOpen }: { person: Person; self: boolean; onOpen?: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const roleName = useRoleName();
  const second = (p.passkeys ?? 0) > 0 || p.hasTotp;
  return (
    <li id={p.id} className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-2 px-4 py-2.5 md:grid-cols-[minmax(0,1fr)_auto_auto]">
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
      {onOpen && <Button onClick={onOpen}>{t('common.edit')}</Button>}
    </li>
  );
}
