import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Review, reviews } from '@/api/compliance';
import { command } from '@/api/http';
import { transfer } from '@/api/money/ledger';
import { useStore } from '@/api/store';
import { language } from '@/i18n';
import { useFormats } from '@/i18n/format';
import { Badge, type Tone } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Form, text } from '@/ui/Form';
import { Money } from '@/ui/Money';
import { Failure, Skeleton } from '@/ui/States';
import { Choice } from './Plot';
import { useDone, useTreasury } from './Frame';
import { Who } from './Who';
import { ReasonField } from './fields';

const which = ['waiting', 'all'] as const;
const tones: Record<string, Tone> = { REVIEW_WAITING: 'warn', REVIEW_APPROVED: 'good', REVIEW_DECLINED: 'bad', REVIEW_LAPSED: 'none' };

/** What the rules put on hold until a person decides, with the rule's own words in the reader's language. */
export function Reviews() {
  const { t } = useTranslation();
  const lang = useStore(language);
  const [shown, setShown] = useState<(typeof which)[number]>('waiting');
  const query = useInfiniteQuery(reviews(lang, shown === 'all'));
  const list = query.data?.pages.flatMap((p) => p.reviews ?? []) ?? [];
  return (
    <section className="space-y-3" aria-label={t('treasury.reviews')}>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h2 className="text-lg font-semibold">{t('treasury.reviews')}</h2>
        <Choice label={t('treasury.show')} all={which} one={shown} onChoose={setShown} say={(x) => t(`treasury.show_${x}`)} />
      </div>
      {query.isPending && (
        <Card>
          <Skeleton />
        </Card>
      )}
      {query.error && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.data && list.length === 0 && <Card>{<p className="text-sm text-soft">{t('treasury.reviewsNone')}</p>}</Card>}
      <ul className="grid gap-4 lg:grid-cols-2">
        {list.map((r) => (
          <ReviewCard key={r.id} review={r} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </section>
  );
}

function ReviewCard({ review: r }: { review: Review }) {
  const { t } = useTranslation();
  const f = useFormats();
  const state = r.state ?? 'REVIEW_WAITING';
  const rule = r.decision;
  return (
    <li className="min-w-0 space-y-3 rounded-xl border border-line bg-card p-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        {r.subject === 'HELD_TRANSFER' ? <Held id={r.id} /> : <span className="font-semibold">{t('treasury.nameHit')}</span>}
        <Badge tone={tones[state]}>{t(`reviewState.${state}`)}</Badge>
      </div>
      {rule?.text && <p className="text-sm">{rule.language === 'en' ? <bdi lang="en">{rule.text}</bdi> : <bdi>{rule.text}</bdi>}</p>}
      <p className="text-xs text-soft">
        {rule?.rule && (
          <>
            {t('treasury.rule')} <bdi className="latin font-mono">{`${rule.rule} · ${rule.setName}.${rule.setVersion}`}</bdi> ·{' '}
          </>
        )}
        {t('treasury.askedBy')} <Who id={r.askedBy} /> · {f.moment(r.asked)}
      </p>
      {r.decidedBy && (
        <p className="text-sm">
          {t('treasury.decidedBy')} <Who id={r.decidedBy} /> · <bdi>{r.reason}</bdi>
        </p>
      )}
      {state === 'REVIEW_WAITING' && <Decide review={r} />}
    </li>
  );
}

function Held({ id }: { id: string }) {
  const held = useQuery(transfer(id)).data;
  const sum = (held?.legs ?? []).reduce((n, l) => n + BigInt(l.amount ?? 0), 0n);
  return held ? <Money minor={String(sum)} asset={held.asset} className="text-xl font-semibold" /> : <Skeleton lines={1} />;
}

function Decide({ review: r }: { review: Review }) {
  const { t } = useTranslation();
  const { id, away } = useTreasury();
  const done = useDone();
  const [deciding, setDeciding] = useState<boolean>();
  if (id !== undefined && r.askedBy === id) return <p className="text-sm font-medium">{t('treasury.yours')}</p>;
  if (away) return <p className="text-sm text-warn">{t('treasury.awayHere')}</p>;
  const decide = async (d: FormData) => {
    await command('POST', `/v1/wallet/compliance/reviews/${encodeURIComponent(r.id)}:decide`, { approve: deciding, reason: text(d, 'reason') });
    done(t(deciding ? 'treasury.reviewApproved' : 'treasury.reviewDeclined'));
    setDeciding(undefined);
  };
  const close = () => setDeciding(undefined);
  return (
    <div className="flex flex-wrap justify-end gap-2">
      <Button look="danger" onClick={() => setDeciding(false)}>
        {t('treasury.decline')}
      </Button>
      <Button onClick={() => setDeciding(true)}>{t('treasury.approve')}</Button>
      {deciding !== undefined && (
        <Dialog open onClose={close} title={t(deciding ? 'treasury.reviewApprove' : 'treasury.reviewDecline')}>
          <Form submit={t(deciding ? 'treasury.approve' : 'treasury.decline')} onSubmit={decide} extra={<Button onClick={close}>{t('common.cancel')}</Button>}>
            <p className="text-sm text-soft">{t(r.subject === 'ACCOUNT_NAME' ? 'treasury.reviewName' : 'treasury.reviewHeld')}</p>
            <ReasonField label={t('treasury.reason')} />
          </Form>
        </Dialog>
      )}
    </div>
  );
}
