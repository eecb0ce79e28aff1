import { useQuery } from '@tanstack/react-query';
import { UserRoundCheck } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type Grant, type Program, grants } from '@/api/programs';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Empty, Loaded } from '@/ui/States';
import { useScopeName } from './words';

/** Who let a program do what, until when. Each can be ended, and the program is refused at once. */
export function Grants({ program, manages }: { program: Program; manages: boolean }) {
  const { t } = useTranslation();
  const query = useQuery(grants(program.id));
  return (
    <Card title={t('program.grants')}>
      <Loaded query={query} lines={4}>
        {({ grants = [] }) =>
          grants.length === 0 ? (
            <Empty icon={UserRoundCheck} title={t('program.noGrants')}>
              {t('program.noGrantsHint')}
            </Empty>
          ) : (
            <ul className="divide-y divide-line">
              {grants.map((g) => (
                <Row key={g.id} grant={g} manages={manages} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}

function Row({ grant: g, manages }: { grant: Grant; manages: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const scopeName = useScopeName();
  const send = useCommand();
  const who = g.person ? name(g.person) : t('program.itself');
  const end = () => send({ method: 'DELETE', path: `/v1/oauth/grants/${encodeURIComponent(g.id)}`, label: 'program.ending', values: { name: who } }, t('people.ended'));
  return (
    <li className="flex flex-wrap items-center gap-3 py-2.5 text-sm">
      <span className="min-w-0 grow basis-48">
        <bdi className="block font-medium">{who}</bdi>
        <span className="block break-words">{(g.scopes ?? []).map(scopeName).join(' · ')}</span>
        <span className="block text-xs text-soft">{t('program.given', { when: f.ago(g.createdAt), until: f.ago(g.endsAt) })}</span>
      </span>
      {manages && <Confirm label={t('account.end')} title={t('program.endTitle', { name: who })} text={t('program.endText')} onConfirm={end} />}
    </li>
  );
}
