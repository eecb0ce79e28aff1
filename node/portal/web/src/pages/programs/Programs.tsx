import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { AppWindow, Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { type Program, programs } from '@/api/programs';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Empty, Loaded } from '@/ui/States';
import { NameMissing } from './NameMissing';
import { RegisterProgram } from './RegisterProgram';
import { kindOf } from './words';

/** Programs that people let act for them, and such as act for themselves. */
export default function Programs() {
  const { t } = useTranslation();
  const query = useQuery(programs);
  const manages = may(useQuery({ ...me, enabled: false }).data, 'tokens.manage');
  const [making, setMaking] = useState(false);
  const add = manages && (
    <Button look="main" onClick={() => setMaking(true)}>
      <Plus size={18} aria-hidden />
      {t('program.add')}
    </Button>
  );
  return (
    <Page title={t('nav.programs')} lead={t('program.lead')} action={add}>
      <NameMissing />
      <Card flush>
        <Loaded query={query} lines={5}>
          {({ clients = [] }) =>
            clients.length === 0 ? (
              <Empty icon={AppWindow} title={t('program.none')} action={add}>
                {t('program.noneHint')}
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {clients.map((p) => (
                  <Row key={p.id} program={p} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      {making && <RegisterProgram onClose={() => setMaking(false)} />}
    </Page>
  );
}

function Row({ program: p }: { program: Program }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  return (
    <li>
      <Link to="/programs/$id" params={{ id: p.id }} className="flex flex-wrap items-center gap-x-6 gap-y-1.5 px-4 py-3 hover:bg-raised/60">
        <span className="min-w-0 grow basis-56">
          <bdi className="block truncate font-medium">{p.name || p.id}</bdi>
          {p.redirectUris?.[0] && <bdi className="latin block truncate font-mono text-xs text-soft">{p.redirectUris[0]}</bdi>}
        </span>
        <span className="md:order-last">
          <Badge>{t(kindOf(p) === 'self' ? 'program.forItself' : 'program.forPeople')}</Badge>
        </span>
        <span className="text-xs text-soft">{t('program.scopesCount', { count: p.scopes?.length ?? 0 })}</span>
        <span className="text-xs text-soft">{t('token.by', { name: name(p.createdBy), when: f.ago(p.createdAt) })}</span>
      </Link>
    </li>
  );
}
