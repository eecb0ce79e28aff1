import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Inbox } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type PublicFund, publicFunds } from '@/api/funds';
import { Card } from '@/ui/Card';
import { Empty, Loaded } from '@/ui/States';
import { Goal } from './Goal';
import { Open } from './Open';
import { whole } from './parts';
import { useSums } from './useSums';
import { useKind } from './useKind';

/** The funds that anyone may see, with what came in and went out. */
export default function Funds() {
  const { t } = useTranslation();
  const query = useQuery(publicFunds);
  return (
    <Open title={t('fund.title')} lead={t('fund.lead')} dated={query.data}>
      <Loaded query={query} lines={6}>
        {({ body: { funds = [] } }) =>
          funds.length === 0 ? (
            <Card>
              <Empty icon={Inbox} title={t('fund.none')}>
                {t('fund.noneHint')}
              </Empty>
            </Card>
          ) : (
            <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
              {funds.map((f) => (
                <Tile key={f.id} fund={f} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Open>
  );
}

function Tile({ fund: f }: { fund: PublicFund }) {
  const { t } = useTranslation();
  const { sum } = useSums(f);
  const kind = useKind();
  const first = f.totals?.find((x) => x.asset === f.goalAsset) ?? f.totals?.[0];
  return (
    <li className="min-w-0">
      <Link to="/funds/$id" params={{ id: f.id }} className="flex h-full flex-col gap-2 rounded-xl border border-line bg-card p-4 hover:bg-raised/60">
        <span className="text-xs text-soft">{kind.name(f.id)}</span>
        <bdi className="text-lg leading-snug font-semibold">{f.name || f.id}</bdi>
        {f.purpose && <bdi className="line-clamp-3 text-sm text-soft">{f.purpose}</bdi>}
        <span className="mt-auto block pt-2">
          {first?.asset ? (
            <span className="block text-sm">
              <span className="text-soft">{t('fund.in')}</span> <bdi className="figures block text-xl font-semibold">{sum(first.asset)(whole(first.income))}</bdi>
            </span>
          ) : (
            <span className="text-sm text-soft">{t('fund.nothing')}</span>
          )}
        </span>
        {f.goal && f.goalAsset && <Goal there={whole(f.totals?.find((x) => x.asset === f.goalAsset)?.income)} goal={whole(f.goal)} sum={sum(f.goalAsset)} />}
      </Link>
    </li>
  );
}
