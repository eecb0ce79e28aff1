import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { type Campaign, type PublicFund, publicFund } from '@/api/funds';
import { reader } from '@/api/http';
import { welcome } from '@/api/node';
import { useStore } from '@/api/store';
import { useFormats } from '@/i18n/format';
import { Sign } from '@/ui/Badge';
import { Qr } from '@/ui/Secret';
import { Loaded } from '@/ui/States';
import { useAwake } from '../useAwake';
import { addressOf } from './address';
import { Goal } from './Goal';
import { whole } from './parts';
import { useKind } from './useKind';
import { useSums } from './useSums';

/** A fund for a screen in the hall: what it collects for, how far it is, and a code to give by. Nothing personal. */
export default function Screen() {
  const { id } = useParams({ strict: false }) as { id: string };
  useState(() => (reader.user = ''));
  const query = useQuery({ ...publicFund(id), retry: true, refetchInterval: 15_000 });
  useAwake();
  return (
    <main className="flex min-h-dvh flex-col p-[4vmin]">
      <Loaded query={query} lines={6}>
        {({ body, at }) => <Wall fund={body} at={at} />}
      </Loaded>
    </main>
  );
}

function Wall({ fund: f, at }: { fund: PublicFund; at: number }) {
  const { t } = useTranslation();
  const fmt = useFormats();
  const site = useQuery(welcome).data;
  const { reachable } = useStore(connection);
  const { sum } = useSums(f);
  const kind = useKind();
  const c = useTurn(f.campaigns ?? []);
  const name = f.name || kind.name(f.id);
  useEffect(() => {
    document.title = `${name} · AiElon Edge`;
  }, [name]);
  const goal = c?.goal && c.goalAsset ? { goal: c.goal, asset: c.goalAsset, there: given(c, c.goalAsset) } : f.goal && f.goalAsset ? { goal: f.goal, asset: f.goalAsset, there: f.totals?.find((x) => x.asset === f.goalAsset)?.income } : undefined;
  const found = c ? (c.totals ?? []).map((x) => [x.asset, x.given] as const) : (f.totals ?? []).map((x) => [x.asset, x.income] as const);
  const totals = found.length === 0 && goal ? [[goal.asset, '0'] as const] : found;
  return (
    <div className="flex grow flex-col justify-between gap-[4vmin]">
      <header>
        <p className="text-[clamp(0.9rem,3vmin,2.6rem)] text-soft">
          <bdi>{[site?.siteName || site?.site, c && name].filter(Boolean).join(' · ')}</bdi>
        </p>
        <h1 className="text-[clamp(1.75rem,8vmin,7rem)] leading-tight font-semibold break-words">
          <bdi>{c?.title || name}</bdi>
        </h1>
        <p className="mt-[1vmin] line-clamp-3 max-w-[60ch] text-[clamp(1rem,3vmin,2.6rem)] text-soft">
          <bdi>{c?.text || f.purpose}</bdi>
        </p>
      </header>
      <div className="space-y-[3vmin]">
        {totals.map(([asset, n]) => (
          <div key={asset}>
            <p className="text-[clamp(1rem,3vmin,2.6rem)] text-soft">{t('fund.in')}</p>
            <p className="figures text-[clamp(2rem,11vmin,10rem)] leading-none font-semibold break-words">
              <bdi>{sum(asset ?? '')(whole(n))}</bdi>
            </p>
          </div>
        ))}
        {goal && <Goal big there={whole(goal.there)} goal={whole(goal.goal)} sum={sum(goal.asset)} />}
      </div>
      <footer className="flex flex-wrap items-center gap-[4vmin]">
        <Qr value={addressOf(f.id)} label={t('fund.qr')} size={176} />
        <div className="min-w-0">
          <p className="text-[clamp(1rem,3.4vmin,3rem)] font-medium">{t('fund.scan')}</p>
          <p className="latin text-[clamp(0.8rem,2.2vmin,2rem)] break-all text-soft">{addressOf(f.id)}</p>
          <p role="status" className="figures mt-1 flex items-center gap-2 text-[clamp(0.8rem,2.2vmin,2rem)] text-soft">
            {!reachable && <Sign tone="warn" size="1.1em" />}
            {t(reachable ? 'fund.asOf' : 'fund.old', { time: fmt.moment(at) })}
          </p>
        </div>
      </footer>
    </div>
  );
}

const given = (c: Campaign, asset: string) => c.totals?.find((x) => x.asset === asset)?.given;

/** useTurn shows one campaign after the other; the fund itself where there is none. */
function useTurn(list: Campaign[]): Campaign | undefined {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (list.length < 2) return;
    const timer = setInterval(() => setTurn((n) => n + 1), 15_000);
    return () => clearInterval(timer);
  }, [list.length]);
  return list.length ? list[turn % list.length] : undefined;
}
