import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { may, me, sessionsOf } from '@/api/identity';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Loaded } from '@/ui/States';

const strengths = ['token', 'password', 'two-factor', 'passkey'] as const;
type Strength = (typeof strengths)[number];

/** Where somebody is signed in, to be ended where it should not be. */
export function PersonSessions({ id }: { id: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const send = useCommand();
  const query = useQuery(sessionsOf(id));
  const ends = may(useQuery({ ...me, enabled: false }).data, 'sessions.manage');
  const some = (query.data?.sessions ?? []).length > 0;
  const endAll = () => send({ method: 'POST', path: `/v1/people/${encodeURIComponent(id)}/revoke-sessions`, label: 'people.endingAll' }, t('people.ended'));
  const end = (s: string) => void send({ method: 'DELETE', path: `/v1/sessions/${encodeURIComponent(s)}`, label: 'people.ending' }, t('people.ended'));
  return (
    <Card title={t('people.sessions')} action={ends && some && <Confirm label={t('people.endAll')} title={t('people.endAllTitle')} text={t('people.endAllText')} onConfirm={endAll} />}>
      <Loaded query={query}>
        {({ sessions = [] }) =>
          sessions.length === 0 ? (
            <p className="text-sm text-soft">{t('people.noSessions')}</p>
          ) : (
            <ul className="divide-y divide-line">
              {sessions.map((s) => (
                <li key={s.id} className="flex flex-wrap items-center gap-3 py-2.5 text-sm">
                  <span className="min-w-0 grow basis-48">
                    <bdi className="block truncate font-medium">{s.agent || s.id}</bdi>
                    <span className="block text-xs text-soft">
                      {t('account.used', { when: f.ago(s.used ?? s.created) })} · {t('people.until', { when: f.moment(s.until) })}
                    </span>
                  </span>
                  {s.offline && <Badge tone="warn">{t('people.offline')}</Badge>}
                  {strengths.includes(s.strength as Strength) && <Badge>{t(`strength.${s.strength as Strength}`)}</Badge>}
                  {s.current ? <Badge tone="good">{t('account.thisOne')}</Badge> : ends && <Button onClick={() => end(s.id)}>{t('account.end')}</Button>}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}
