import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Inbox, Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { releases } from '@/api/compliance';
import { type Fund, funds } from '@/api/funds';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Empty, Loaded } from '@/ui/States';
import { useKind } from '../funds/useKind';
import { Frame, useTreasury } from './Frame';
import { FundDialog } from './FundDialog';

/** Every fund: what is in it, and what it may be spent on. */
export default function Funds() {
  const { t } = useTranslation();
  const query = useQuery(funds);
  const { may, away } = useTreasury();
  const [adding, setAdding] = useState(false);
  const add = may('wallet.accounts') && (
    <Button look="main" disabled={away} onClick={() => setAdding(true)}>
      <Plus size={18} aria-hidden />
      {t('treasury.fundNew')}
    </Button>
  );
  return (
    <Frame title={t('nav.treasury')} lead={t('treasury.lead')} action={add}>
      {may('wallet.read') && <Waiting />}
      <Card flush>
        <Loaded query={query} lines={8}>
          {({ funds = [] }) =>
            funds.length === 0 ? (
              <Empty icon={Inbox} title={t('treasury.fundsNone')} action={add}>
                {t('treasury.fundsNoneHint')}
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {funds.map((f) => (
                  <Row key={f.id} fund={f} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      {adding && <FundDialog onClose={() => setAdding(false)} />}
    </Frame>
  );
}

/** What waits for a second person is said where the treasurer comes in. */
function Waiting() {
  const { t } = useTranslation();
  const n = useInfiniteQuery(releases).data?.pages.flatMap((p) => p.releases ?? []).filter((r) => r.state === 'RELEASE_WAITING').length ?? 0;
  if (n === 0) return null;
  return (
    <Notice
      tone="warn"
      hint={
        <Link to="/treasury/approvals" className="underline">
          {t('treasury.look')}
        </Link>
      }
    >
      {t('treasury.waiting', { count: n })}
    </Notice>
  );
}

function Row({ fund: f }: { fund: Fund }) {
  const { t } = useTranslation();
  const kind = useKind();
  return (
    <li>
      <Link to="/treasury/funds/$id" params={{ id: f.id }} className="flex flex-wrap items-start gap-x-6 gap-y-2 px-4 py-3.5 hover:bg-raised/60">
        <span className="min-w-0 grow basis-64">
          <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <bdi className="font-medium">{f.name || kind.name(f.id)}</bdi>
            <Badge tone={kind.restricted(f.id) ? 'warn' : 'good'}>{t(kind.restricted(f.id) ? 'treasury.restricted' : 'treasury.free')}</Badge>
            {f.public && <Badge>{t('treasury.public')}</Badge>}
          </span>
          <span className="mt-0.5 block text-xs text-soft">
            {kind.name(f.id)} · {kind.use(f.id)}
          </span>
        </span>
        <span className="ms-auto text-end">
          {f.totals?.map((x) => (
            <span key={x.asset} className="block">
              <Money minor={x.held} asset={x.asset} className="text-lg font-semibold" />
              {x.owed && x.owed !== '0' && (
                <span className="block text-xs text-soft">
                  {t('treasury.owed')} <Money minor={x.owed} asset={x.asset} />
                </span>
              )}
            </span>
          ))}
          {!f.totals?.length && <span className="text-sm text-soft">{t('treasury.empty')}</span>}
        </span>
      </Link>
    </li>
  );
}
