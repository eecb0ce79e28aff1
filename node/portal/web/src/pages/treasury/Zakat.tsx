import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Inbox, Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type CaseState, type ZakatCase, cases } from '@/api/zakat';
import { useFormats } from '@/i18n/format';
import { Badge, type Tone } from '@/ui/Badge';
import { Button, linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Empty, Failure, Skeleton } from '@/ui/States';
import { Apply } from './Apply';
import { Frame, useTreasury } from './Frame';
import { Who } from './Who';
import { Choice } from './Plot';
import { Prices } from './Prices';

const states = ['', 'CASE_APPLIED', 'CASE_ASSESSED', 'CASE_APPROVED', 'CASE_PAID', 'CASE_DECLINED', 'CASE_WITHDRAWN'] as const;
export const tones: Record<CaseState, Tone> = { CASE_APPLIED: 'warn', CASE_ASSESSED: 'warn', CASE_APPROVED: 'good', CASE_PAID: 'good', CASE_DECLINED: 'bad', CASE_WITHDRAWN: 'none' };

/** Who asked for help from zakat, and what nisab is. */
export default function Zakat() {
  const { t } = useTranslation();
  const { may, away } = useTreasury();
  const [applying, setApplying] = useState(false);
  const add = (
    <>
      <Link to="/treasury/$" params={{ _splat: 'zakat/desk' }} className={linkLooks()}>
        {t('treasury.reckonShort')}
      </Link>
      {may('zakat.apply') && (
        <Button look="main" disabled={away} onClick={() => setApplying(true)}>
          <Plus size={18} aria-hidden />
          {t('treasury.apply')}
        </Button>
      )}
    </>
  );
  return (
    <Frame title={t('treasury.zakat')} lead={t('treasury.zakatLead')} action={add}>
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <Cases />
        <Prices />
      </div>
      {applying && <Apply onClose={() => setApplying(false)} />}
    </Frame>
  );
}

function Cases() {
  const { t } = useTranslation();
  const [state, setState] = useState<(typeof states)[number]>('');
  const query = useInfiniteQuery(cases(state));
  const list = query.data?.pages.flatMap((p) => p.cases ?? []) ?? [];
  return (
    <Card title={t('treasury.cases')}>
      <Choice label={t('treasury.show')} all={states} one={state} onChoose={setState} say={(s) => (s ? t(`caseState.${s}`) : t('treasury.show_all'))} />
      {query.isPending && <Skeleton lines={5} />}
      {query.error && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.data && list.length === 0 && (
        <Empty icon={Inbox} title={t('treasury.casesNone')}>
          {t('treasury.casesNoneHint')}
        </Empty>
      )}
      <ul className="-mx-4 mt-2 divide-y divide-line">
        {list.map((c) => (
          <Row key={c.id} zakatCase={c} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button className="mt-3" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </Card>
  );
}

function Row({ zakatCase: c }: { zakatCase: ZakatCase }) {
  const { t } = useTranslation();
  const f = useFormats();
  const state = c.state ?? 'CASE_APPLIED';
  return (
    <li>
      <Link to="/treasury/zakat/$id" params={{ id: c.id }} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3 hover:bg-raised/60">
        <span className="min-w-0 grow basis-44">
          <span className="block truncate font-medium">
            <Who id={c.person} />
          </span>
          <span className="block text-xs text-soft">
            {f.moment(c.applied)}
            {c.category && ` · ${t(`asnaf.${c.category as 'faqir'}`)}`}
          </span>
        </span>
        <Money minor={c.approved || c.recommended || c.need} asset={c.asset} className="font-semibold" />
        <Badge tone={tones[state]}>{t(`caseState.${state}`)}</Badge>
      </Link>
    </li>
  );
}
