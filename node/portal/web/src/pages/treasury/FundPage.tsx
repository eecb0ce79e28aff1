import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Fund, type FundTotal, fund } from '@/api/funds';
import { Badge } from '@/ui/Badge';
import { Button, linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Money, useMoneyText } from '@/ui/Money';
import { Qr } from '@/ui/Secret';
import { Loaded } from '@/ui/States';
import { Goal } from '../funds/Goal';
import { addressOf } from '../funds/address';
import { whole } from '../funds/parts';
import { kindOf, useKind } from '../funds/useKind';
import { AccountList } from './AccountList';
import { Campaigns } from './Campaigns';
import { DeedCard } from './DeedCard';
import { Frame, useTreasury } from './Frame';
import { FundDialog } from './FundDialog';
import { Plot } from './Plot';
import { Carried } from './Settle';

/** One fund: what is there, what may be spent of it and on what, and what came in. */
export default function FundPage({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery(fund(id));
  const kind = useKind();
  const { may, away } = useTreasury();
  const [changing, setChanging] = useState(false);
  const f = query.data;
  const action = (
    <>
      <Link to="/treasury" className={linkLooks()}>
        {t('treasury.allFunds')}
      </Link>
      {f && may('wallet.accounts') && (
        <Button look="main" disabled={away} onClick={() => setChanging(true)}>
          {t('common.edit')}
        </Button>
      )}
    </>
  );
  return (
    <Frame title={f?.name || kind.name(id)} lead={f?.purpose && <bdi className="whitespace-pre-line">{f.purpose}</bdi>} action={action}>
      <Loaded query={query} lines={8}>
        {(f) => <Body fund={f} />}
      </Loaded>
      {changing && f && <FundDialog fund={f} onClose={() => setChanging(false)} />}
    </Frame>
  );
}

function Body({ fund: f }: { fund: Fund }) {
  const { may } = useTreasury();
  const waqf = /^waqf_(corpus|yield):/.test(f.id) ? f.id.slice(f.id.indexOf(':') + 1) : '';
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <div className="min-w-0 space-y-4">
        <Totals fund={f} />
        <Plot fund={f.id} list={(f.totals ?? []).map((x) => x.asset ?? '').filter(Boolean)} />
        {may('wallet.read') && <AccountList filter={{ fund: f.id }} />}
      </div>
      <div className="min-w-0 space-y-4">
        <Use fund={f} />
        {waqf && <DeedCard id={waqf} />}
        <Campaigns fund={f.id} />
        {f.public && <Public id={f.id} />}
      </div>
    </div>
  );
}

function Totals({ fund: f }: { fund: Fund }) {
  const { t } = useTranslation();
  const money = useMoneyText();
  const there = whole(f.totals?.find((x) => x.asset === f.goalAsset)?.income);
  const rows = (x: FundTotal): [ReactNode, ReactNode][] => {
    const row = (key: 'owed' | 'pending' | 'income' | 'spent', n: string | undefined): [ReactNode, ReactNode] => [t(`treasury.total_${key}`), <Money minor={n} asset={x.asset} />];
    const some = [row('income', x.income), row('spent', x.spent)];
    if (whole(x.owed) !== 0n) some.unshift(row('owed', x.owed));
    if (whole(x.pending) !== 0n) some.push(row('pending', x.pending));
    return some;
  };
  return (
    <Card title={t('treasury.there')}>
      {!f.totals?.length && <p className="text-sm text-soft">{t('treasury.empty')}</p>}
      {f.totals?.map((x) => (
        <div key={x.asset} className="mb-3 last:mb-0">
          <Money minor={x.held} asset={x.asset} className="text-2xl font-semibold" />
          <Facts rows={rows(x)} />
        </div>
      ))}
      <Carried fund={f.id} />
      {f.goal && f.goalAsset && (
        <div className="mt-3">
          <Goal there={there} goal={whole(f.goal)} sum={(n) => money(String(n), f.goalAsset)} />
        </div>
      )}
    </Card>
  );
}

/** Plainly: what this money may be spent on. */
function Use({ fund: f }: { fund: Fund }) {
  const { t } = useTranslation();
  const kind = useKind();
  return (
    <Card title={t('fund.use')} action={<Badge tone={kind.restricted(f.id) ? 'warn' : 'good'}>{t(kind.restricted(f.id) ? 'treasury.restricted' : 'treasury.free')}</Badge>}>
      <p className="text-sm">
        <span className="font-medium">{kind.name(f.id)}.</span> {kind.use(f.id)}
      </p>
      {f.allowed && f.allowed.length > 0 && (
        <p className="mt-2 text-sm">
          {t('treasury.only')}{' '}
          {f.allowed.map((a) => (
            <bdi key={a} className="latin me-1.5 inline-block font-mono text-xs">
              {a}
            </bdi>
          ))}
        </p>
      )}
      {kindOf(f.id) !== 'amanah' && <p className="mt-2 text-xs text-soft">{t('treasury.otherwise')}</p>}
    </Card>
  );
}

function Public({ id }: { id: string }) {
  const { t } = useTranslation();
  return (
    <Card title={t('treasury.publicPage')}>
      <div className="flex items-center gap-4">
        <Qr value={addressOf(id)} label={t('fund.qr')} size={112} />
        <div className="min-w-0 space-y-2">
          <p className="latin text-xs break-all text-soft">{addressOf(id)}</p>
          <div className="flex flex-wrap gap-2">
            <Link to="/funds/$id" params={{ id }} className={linkLooks()}>
              {t('treasury.publicSee')}
            </Link>
            <Link to="/funds/$id/screen" params={{ id }} className={linkLooks()}>
              {t('fund.screen')}
            </Link>
          </div>
        </div>
      </div>
    </Card>
  );
}
