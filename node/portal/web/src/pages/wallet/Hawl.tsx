import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { declareWealth } from '@/api/money/zakat';
import { assessments, hawl } from '@/api/zakat';
import { useCommand } from '@/api/useCommand';
import { sum, toMinor } from '@/i18n/money';
import { useFormats } from '@/i18n/format';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Money } from '@/ui/Money';
import { PayZakat } from './Reckoned';

/** The lunar year of one's wealth, where one asked for it to be followed, and what was kept. */
export function Hawl({ person }: { person: string }) {
  return (
    <>
      <Year person={person} />
      <Kept person={person} />
    </>
  );
}

function Year({ person }: { person: string }) {
  const { t } = useTranslation();
  const run = useCommand();
  const y = useQuery(hawl(person)).data;
  const [paying, setPaying] = useState(false);
  if (!y?.asset) return null;
  const due = sum((y.dues ?? []).map((d) => (toMinor(d.zakat) - toMinor(d.paid)).toString()));
  const day = (d: string | undefined) => <span className="latin">{d}</span>;
  return (
    <Card title={t('wallet.hawl')}>
      <p className="text-sm text-soft">{t('wallet.hawlFollowed')}</p>
      {y.problem && <Notice tone="warn">{t('wallet.hawlProblem')}</Notice>}
      <Facts
        rows={[
          [t('wallet.hawlSince'), y.since ? day(y.since) : t('wallet.hawlNot')],
          ...(y.next ? ([[t('wallet.hawlNext'), day(y.next)]] as [string, React.ReactNode][]) : []),
          [t('wallet.wealthNow'), <Money key="w" minor={y.wealth} asset={y.asset} />],
          [t('wallet.nisab'), <Money key="n" minor={y.nisab} asset={y.asset} />],
          ...(y.dues ?? []).map((d): [React.ReactNode, React.ReactNode] => [
            <span key="d">{t('wallet.dueOn')} {day(d.due)}</span>,
            <span key="z"><Money minor={d.zakat} asset={y.asset} /> · {t('wallet.paidOf')} <Money minor={d.paid ?? '0'} asset={y.asset} /></span>,
          ]),
        ]}
      />
      <div className="mt-3 flex flex-wrap gap-2">
        {toMinor(due) > 0n && (
          <Button look="main" onClick={() => setPaying(true)}>
            {t('wallet.payZakat')}
          </Button>
        )}
        <Confirm label={t('wallet.unfollow')} title={t('wallet.unfollowTitle')} text={t('wallet.unfollowText')} onConfirm={() => run(declareWealth({ person, asset: y.asset!, stop: true }, { label: 'wallet.following' }), t('wallet.unfollowed'))} />
      </div>
      {paying && <PayZakat due={due} asset={y.asset} onClose={() => setPaying(false)} />}
    </Card>
  );
}

function Kept({ person }: { person: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const all = useQuery(assessments(person)).data?.assessments ?? [];
  if (all.length === 0) return null;
  return (
    <Card title={t('wallet.kept')}>
      <Facts rows={all.slice(0, 10).map((a) => [f.moment(a.time), <Money key={a.id} minor={a.due} asset={a.asset} />])} />
    </Card>
  );
}
