import { useQuery } from '@tanstack/react-query';
import { Network, Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { type Site, sites, status } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { Badge, Notice, Sign } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Own } from '@/ui/Own';
import { Page } from '@/ui/Page';
import { Empty, Loaded } from '@/ui/States';
import { JoinCodeDialog } from './JoinCodeDialog';
import { SiteStreams } from './SiteStreams';

/** What a hub gathers: every site, what still waits there, and nothing lost. */
export default function Hub() {
  const { t } = useTranslation();
  const f = useFormats();
  const query = useQuery(sites);
  const hub = useQuery({ ...status, enabled: false }).data?.hub;
  const who = useQuery({ ...me, enabled: false }).data;
  const [adding, setAdding] = useState(false);
  const add = may(who, 'members.manage') && (
    <Button look="main" onClick={() => setAdding(true)}>
      <Plus size={18} aria-hidden />
      {t('hub.add')}
    </Button>
  );
  return (
    <Page title={t('nav.hub')} lead={t('hub.lead')} action={add}>
      {hub?.alarms?.map((a) => (
        <Notice key={a} tone="bad">
          <Own text={a} />
        </Notice>
      ))}
      {hub && (
        <Card>
          <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
            <Figure name={t('hub.records')} value={f.count(hub.records)} />
            <Figure name={t('hub.online')} value={f.count(hub.online)} />
            <Figure name={t('hub.kept')} value={f.bytes(hub.keptBytes)} />
            <Figure name={t('hub.above')} value={f.count(hub.above)} />
          </dl>
        </Card>
      )}
      <Loaded query={query} lines={6}>
        {({ sites = [] }) =>
          sites.length === 0 ? (
            <Card>
              <Empty icon={Network} title={t('hub.none')} action={add}>
                {t('hub.noneHint')}
              </Empty>
            </Card>
          ) : (
            <Card flush>
              <ul className="divide-y divide-line">
                {bySorrow(sites).map((s) => (
                  <SiteRow key={s.site} site={s} />
                ))}
              </ul>
            </Card>
          )
        }
      </Loaded>
      {adding && <JoinCodeDialog role="site" onClose={() => setAdding(false)} />}
    </Page>
  );
}

function Figure({ name, value, tone = '' }: { name: string; value: string; tone?: string }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className={`figures text-xl font-semibold ${tone}`}>{value}</dd>
    </div>
  );
}

/** What waits at a site is what its nodes last said, so it is told when they did and how long the oldest has waited. */
function Backlog({ site: s, here }: { site: Site; here?: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const lines = [
    Number(s.lost ?? 0) > 0 && t('hub.lostHint'),
    s.waitingSince && t('hub.oldest', { when: f.ago(s.waitingSince) }),
    s.waitingSaid && !here && t('hub.said', { when: f.ago(s.waitingSaid) }),
    Number(s.shed ?? 0) > 0 && t('hub.shed', { count: Number(s.shed), n: f.count(s.shed) }),
    (s.silent ?? 0) > 0 && t('hub.silent', { count: s.silent }),
  ].filter(Boolean);
  return lines.length > 0 && <p className="mt-2 text-sm text-soft sm:ms-8.5">{lines.join(' ')}</p>;
}

/** bySorrow puts what needs somebody first: what is lost, what is stopped, what waits at a site that is away. */
export function bySorrow(list: Site[]): Site[] {
  const grade = (s: Site) => (Number(s.lost ?? 0) > 0 ? 0 : s.streams?.some((x) => x.frozen) ? 1 : !s.online && Number(s.waiting ?? 0) > 0 ? 2 : !s.online ? 3 : 4);
  return [...list].sort((a, b) => grade(a) - grade(b) || (a.site ?? '').localeCompare(b.site ?? ''));
}

function SiteRow({ site: s }: { site: Site }) {
  const { t } = useTranslation();
  const f = useFormats();
  const own = useQuery({ ...status, enabled: false }).data?.site === s.site;
  const frozen = s.streams?.some((x) => x.frozen);
  const here = own || s.online;
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-8 gap-y-3">
        <div className="flex min-w-0 grow basis-48 items-center gap-3">
          <Sign tone={frozen || Number(s.lost ?? 0) > 0 ? 'bad' : here ? 'good' : 'none'} size={22} />
          <div className="min-w-0">
            <h2 className="truncate font-semibold">
              <bdi>{s.site}</bdi>
            </h2>
            <p className="text-xs text-soft">{own ? t('hub.self') : s.online ? t('hub.connected') : t('hub.lastHeard', { when: f.ago(s.last) || '–' })}</p>
          </div>
          {frozen && <Badge tone="bad">{t('hub.frozen')}</Badge>}
        </div>
        <dl className="grid grow basis-72 grid-cols-3 gap-3 sm:max-w-md">
          <Figure name={t('hub.received')} value={f.count(s.received)} />
          <Figure name={t('ledger.waiting')} value={f.count(s.waiting)} />
          <Figure name={t('ledger.lost')} value={f.count(s.lost)} tone={Number(s.lost ?? 0) > 0 ? 'text-bad' : 'text-good'} />
        </dl>
      </div>
      <Backlog site={s} here={here} />
      <SiteStreams site={s} />
    </li>
  );
}
