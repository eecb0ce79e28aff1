import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { type Member, members } from '@/api/node';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { JoinCodeDialog } from './JoinCodeDialog';

/** The nodes of the site: who leads, who lags, whose certificate ends. */
export default function SitePage() {
  const { t } = useTranslation();
  const query = useQuery(members);
  const who = useQuery({ ...me, enabled: false }).data;
  const manages = may(who, 'members.manage');
  const [adding, setAdding] = useState(false);
  const add = manages && (
    <Button look="main" onClick={() => setAdding(true)}>
      <Plus size={18} aria-hidden />
      {t('site.add')}
    </Button>
  );
  return (
    <Page title={t('nav.site')} lead={t('site.lead')} action={add}>
      <Loaded query={query} lines={6}>
        {({ members = [] }) => (
          <>
            <div className="grid items-start gap-4 md:grid-cols-2 xl:grid-cols-3">
              {members.map((m) => (
                <MemberCard key={m.node} member={m} manages={manages} />
              ))}
            </div>
            {members.length === 1 && <p className="text-sm text-soft">{t('site.single')}</p>}
            {new Set(members.map((m) => m.version).filter(Boolean)).size > 1 && <Notice tone="warn">{t('site.mixed')}</Notice>}
          </>
        )}
      </Loaded>
      {adding && <JoinCodeDialog role="node" onClose={() => setAdding(false)} />}
    </Page>
  );
}

function MemberCard({ member: m, manages }: { member: Member; manages: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const send = useCommand();
  const short = (m.node ?? '').slice(0, 12);
  const lag = Number(m.lag ?? 0);
  const remove = () =>
    send({ method: 'DELETE', path: `/v1/members/${m.node}`, label: 'site.removing', values: { node: short } }, t('site.removed', { node: short }));
  return (
    <Card
      title={<bdi className="font-mono">{short}</bdi>}
      action={
        <span className="flex gap-1">
          {m.leader && <Badge tone="good">{t('site.leader')}</Badge>}
          {m.self && <Badge>{t('site.self')}</Badge>}
        </span>
      }
    >
      <Facts
        rows={[
          [t('site.address'), <bdi className="latin font-mono text-xs">{m.address || '–'}</bdi>],
          [t('site.role'), t(m.role === 'voter' ? 'site.voter' : 'site.standby')],
          [t('site.lag'), <span className={lag > 1000 ? 'text-warn' : ''}>{lag === 0 ? t('site.noLag') : t('site.entries', { count: lag })}</span>],
          [t('site.version'), <bdi className="latin">{m.version || '–'}</bdi>],
          [t('site.seen'), m.self ? t('site.now') : m.seen ? f.ago(m.seen) : '–'],
          // A node shows its certificate where it connects; of those that do not connect to this one, it is not known.
          ...(m.certifiedUntil ? ([[t('site.certificate'), <Certificate until={m.certifiedUntil} />]] as [string, ReactNode][]) : []),
        ]}
      />
      {manages && !m.self && (
        <div className="mt-3 flex justify-end">
          <Confirm label={t('common.remove')} title={t('site.removeTitle', { node: short })} text={t('site.removeText')} onConfirm={remove} />
        </div>
      )}
    </Card>
  );
}

/** Certificates last seven days and are renewed half way: one that has two left was not renewed. */
const soon = 2 * 86_400_000;

function Certificate({ until }: { until: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const left = Date.parse(until) - Date.now();
  return (
    <>
      {t('site.until', { when: f.moment(until) })} {left < soon && <Badge tone={left < 0 ? 'bad' : 'warn'}>{f.ago(until)}</Badge>}
    </>
  );
}
