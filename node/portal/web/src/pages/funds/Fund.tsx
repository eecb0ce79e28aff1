import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Campaign, type PublicFund, type PublicTotal, publicFund } from '@/api/funds';
import { useFormats } from '@/i18n/format';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Qr } from '@/ui/Secret';
import { Loaded } from '@/ui/States';
import { Bars } from './Bars';
import { addressOf } from './address';
import { Goal } from './Goal';
import { Open } from './Open';
import { twelve, whole } from './parts';
import { useKind } from './useKind';
import { useSums } from './useSums';

/** One fund as anyone may see it: what it is for, what came in, where it went, and nobody's name. */
export default function Fund() {
  const { t } = useTranslation();
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useQuery(publicFund(id));
  const kind = useKind();
  const f = query.data?.body;
  const action = (
    <>
      <Link to="/funds" className={linkLooks()}>
        {t('fund.all')}
      </Link>
      <Link to="/funds/$id/screen" params={{ id }} className={linkLooks()}>
        {t('fund.screen')}
      </Link>
    </>
  );
  return (
    <Open title={f?.name || kind.name(id)} lead={f?.purpose && <bdi className="whitespace-pre-line">{f.purpose}</bdi>} action={action} dated={query.data}>
      <Loaded query={query} lines={8}>
        {({ body }) => <Body fund={body} />}
      </Loaded>
    </Open>
  );
}

function Body({ fund: f }: { fund: PublicFund }) {
  const { t } = useTranslation();
  const { sum } = useSums(f);
  const kind = useKind();
  const there = whole(f.totals?.find((x) => x.asset === f.goalAsset)?.income);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_18rem]">
      <div className="min-w-0 space-y-4">
        {f.goal && f.goalAsset && (
          <Card title={t('fund.goalTitle')}>
            <Goal there={there} goal={whole(f.goal)} sum={sum(f.goalAsset)} />
          </Card>
        )}
        {!f.totals?.length && <Card>{t('fund.nothing')}</Card>}
        {f.totals?.map((total) => (
          <Total key={total.asset} fund={f} total={total} />
        ))}
        {f.campaigns?.map((c) => (
          <CampaignCard key={c.id} fund={f} campaign={c} />
        ))}
      </div>
      <aside className="space-y-4">
        <Card title={t('fund.use')}>
          <p className="text-sm text-soft">{kind.use(f.id)}</p>
          <Ends at={f.ends} />
        </Card>
        <Card title={t('fund.give')}>
          <p className="mb-3 text-sm text-soft">{t('fund.giveHow')}</p>
          <Link to="/wallet" className={`${linkLooks('main')} w-full`}>
            {t('fund.giveNow')}
          </Link>
          <div className="mt-4 flex items-center gap-3">
            <Qr value={addressOf(f.id)} label={t('fund.qr')} size={104} />
            <p className="latin min-w-0 text-xs break-all text-soft">{addressOf(f.id)}</p>
          </div>
        </Card>
      </aside>
    </div>
  );
}

function Ends({ at }: { at?: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  return at ? <p className="mt-2 text-sm font-medium">{t('fund.ends', { day: f.day(new Date(at)) })}</p> : null;
}

/** What came in and went out in one currency, in all and month by month. */
function Total({ fund, total }: { fund: PublicFund; total: PublicTotal }) {
  const { t } = useTranslation();
  const { sum, short } = useSums(fund);
  const asset = total.asset ?? '';
  const income = sum(asset)(whole(total.income));
  const spent = sum(asset)(whole(total.spent));
  return (
    <Card title={t('fund.year')}>
      <dl className="mb-4 grid grid-cols-2 gap-4">
        <Figure name={t('fund.in')} value={income} />
        <Figure name={t('fund.out')} value={spent} />
      </dl>
      <Bars label={t('fund.yearOf', { income, spent })} parts={twelve(total.months ?? [])} step="MONTH" sum={sum(asset)} short={short(asset)} />
    </Card>
  );
}

export function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="figures text-lg leading-snug font-semibold break-words sm:text-2xl">
        <bdi>{value}</bdi>
      </dd>
    </div>
  );
}

function CampaignCard({ fund, campaign: c }: { fund: PublicFund; campaign: Campaign }) {
  const { t } = useTranslation();
  const { sum } = useSums(fund);
  const gifts = (c.totals ?? []).reduce((n, x) => n + Number(x.gifts ?? 0), 0);
  const given = (asset: string) => whole(c.totals?.find((x) => x.asset === asset)?.given);
  return (
    <Card title={<bdi>{c.title}</bdi>}>
      {c.text && <p className="mb-3 text-sm whitespace-pre-line text-soft"><bdi>{c.text}</bdi></p>}
      {c.totals?.map((x) => (
        <p key={x.asset} className="figures text-xl font-semibold">
          <bdi>{sum(x.asset ?? '')(whole(x.given))}</bdi>
        </p>
      ))}
      <p className="mb-3 text-sm text-soft">{t('fund.gifts', { count: gifts })}</p>
      {c.goal && c.goalAsset && <Goal there={given(c.goalAsset)} goal={whole(c.goal)} sum={sum(c.goalAsset)} />}
      <Ends at={c.ends} />
    </Card>
  );
}
