import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { type EmergencyAccess, emergencies } from '@/api/policy';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Loaded } from '@/ui/States';
import { useNames } from './names';

/** Records somebody opened in an emergency, and who opened theirs. */
export function PersonEmergencies({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery(emergencies);
  return (
    <Card title={t('emergency.title')}>
      <Loaded query={query}>
        {({ access = [] }) => {
          const mine = access.filter((a) => a.who === id || a.subject === id).reverse();
          if (mine.length === 0) return <p className="text-sm text-soft">{t('emergency.none')}</p>;
          return (
            <ul className="divide-y divide-line">
              {mine.slice(0, 20).map((a) => (
                <Row key={a.id} access={a} id={id} />
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Row({ access: a, id }: { access: EmergencyAccess; id: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const send = useCommand();
  const ends = may(useQuery({ ...me, enabled: false }).data, 'breakglass.end');
  const end = () => send({ method: 'POST', path: `/v1/emergency-access/${encodeURIComponent(a.id ?? '')}/end`, label: 'emergency.ending', values: { name: name(a.who) } }, t('common.saved'));
  return (
    <li className="flex flex-wrap items-center gap-3 py-2.5 text-sm">
      <span className="min-w-0 grow basis-48">
        <span className="block font-medium">
          {a.who === id ? t('emergency.of', { name: name(a.subject) }) : t('emergency.by', { name: name(a.who) })}
        </span>
        <bdi className="block break-words">{a.reason}</bdi>
        <span className="block text-xs text-soft">
          {f.moment(a.from)} – {f.moment(a.ended ?? a.until)}
        </span>
      </span>
      {a.open ? <Badge tone="warn">{t('emergency.open')}</Badge> : <Badge>{t('emergency.over')}</Badge>}
      {a.open && ends && <Confirm label={t('account.end')} title={t('emergency.endTitle')} text={t('emergency.endText')} onConfirm={end} />}
    </li>
  );
}
