import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { type Campaign, campaigns } from '@/api/funds';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Check, Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Money, useMoneyText } from '@/ui/Money';
import { Failure, Skeleton } from '@/ui/States';
import { Goal } from '../funds/Goal';
import { whole } from '../funds/parts';
import { useDone, useTreasury } from './Frame';
import { GoalFields, useGoal } from './GoalFields';
import { ReasonField } from './fields';
import { dayOf, lastDay, midnight } from './times';
import { useDays } from '../funds/useDays';

/** The campaigns of a fund, each with what was given for it against what is hoped for. */
export function Campaigns({ fund }: { fund: string }) {
  const { t } = useTranslation();
  const query = useQuery(campaigns(fund));
  const { may, away } = useTreasury();
  const [open, setOpen] = useState<Campaign | 'new'>();
  const list = query.data?.campaigns ?? [];
  const add = may('wallet.accounts') && (
    <Button disabled={away} onClick={() => setOpen('new')}>
      <Plus size={16} aria-hidden />
      {t('treasury.campaignNew')}
    </Button>
  );
  return (
    <Card title={t('treasury.campaigns')} action={add}>
      {query.isPending && <Skeleton />}
      {query.error && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.data && list.length === 0 && <p className="text-sm text-soft">{t('treasury.campaignsNone')}</p>}
      <ul className="divide-y divide-line">
        {list.map((c) => (
          <Row key={c.id} campaign={c} onChange={may('wallet.accounts') && !away ? () => setOpen(c) : undefined} />
        ))}
      </ul>
      {open && <CampaignDialog fund={fund} campaign={open === 'new' ? undefined : open} onClose={() => setOpen(undefined)} />}
    </Card>
  );
}

/** stateOf is whether a campaign takes gifts now. */
export function stateOf(c: Campaign, now = Date.now()): 'soon' | 'over' | 'running' {
  if (c.ends && new Date(c.ends).getTime() <= now) return 'over';
  return c.begins && new Date(c.begins).getTime() > now ? 'soon' : 'running';
}

function Row({ campaign: c, onChange }: { campaign: Campaign; onChange?: () => void }) {
  const { t } = useTranslation();
  const days = useDays();
  const money = useMoneyText();
  const state = stateOf(c);
  const given = (asset: string | undefined) => whole(c.totals?.find((x) => x.asset === asset)?.given);
  return (
    <li className="space-y-2 py-3 first:pt-1 last:pb-0">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <bdi className="font-medium">{c.title}</bdi>
        <Badge tone={state === 'running' ? 'good' : 'none'}>{t(`treasury.campaign_${state}`)}</Badge>
        {c.public && <Badge>{t('treasury.public')}</Badge>}
        {onChange && (
          <Button look="quiet" className="ms-auto" onClick={onChange} aria-label={`${t('common.edit')}: ${c.title}`}>
            {t('common.edit')}
          </Button>
        )}
      </div>
      <p className="text-sm text-soft">
        {c.ends ? t('treasury.span', { from: days.date(c.begins), until: days.date(new Date(new Date(c.ends).getTime() - 1)) }) : t('treasury.spanOpen', { from: days.date(c.begins) })}
      </p>
      {c.totals?.map((x) => (
        <p key={x.asset} className="text-sm">
          <Money minor={x.given} asset={x.asset} className="text-lg font-semibold" /> <span className="text-soft">{t('fund.gifts', { count: Number(x.gifts ?? 0) })}</span>
        </p>
      ))}
      {c.goal && c.goalAsset && <Goal there={given(c.goalAsset)} goal={whole(c.goal)} sum={(n) => money(String(n), c.goalAsset)} />}
    </li>
  );
}

function CampaignDialog({ fund, campaign: c, onClose }: { fund: string; campaign?: Campaign; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const goal = useGoal(c?.goal, c?.goalAsset);
  const put = async (d: FormData) => {
    await command('POST', '/v1/wallet/campaigns', {
      id: c?.id ?? text(d, 'id'), fund, title: text(d, 'title'), text: text(d, 'text'), public: d.get('public') !== null, begins: begins(c, text(d, 'begins')), ends: midnight(text(d, 'ends'), 1),
      ...goal.values(), ifVersion: c?.version ?? '0',
    });
    done(t('treasury.campaignSaved'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t(c ? 'treasury.campaignChange' : 'treasury.campaignNew')}>
      <Form submit={t('common.save')} onSubmit={put} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <Field label={t('treasury.campaignTitle')} name="title" required maxLength={80} defaultValue={c?.title} />
        {!c && <Field label={t('treasury.campaignId')} name="id" latin required maxLength={40} pattern="[a-z0-9][a-z0-9\-]{0,39}" help={t('treasury.fundLabelHelp')} />}
        <ReasonField label={t('treasury.campaignText')} name="text" max={2000} optional value={c?.text} />
        <GoalFields goal={goal} />
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t('treasury.begins')} name="begins" type="date" defaultValue={dayOf(c?.begins)} help={t('treasury.beginsHelp')} />
          <Field label={t('treasury.ends')} name="ends" type="date" defaultValue={lastDay(c?.ends)} help={t('treasury.endsHelp')} />
        </div>
        <Check label={t('treasury.campaignPublic')} name="public" help={t('treasury.campaignPublicHelp')} defaultChecked={c?.public ?? true} />
      </Form>
    </Dialog>
  );
}

/** A day that was not changed keeps its hour. */
function begins(c: Campaign | undefined, day: string): string | undefined {
  return c?.begins && dayOf(c.begins) === day ? c.begins : midnight(day);
}
