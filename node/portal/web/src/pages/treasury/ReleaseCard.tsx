import { ArrowRight } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Release } from '@/api/compliance';
import { command } from '@/api/http';
import { useFormats } from '@/i18n/format';
import { Badge, type Tone } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { Dialog } from '@/ui/Dialog';
import { Form, text } from '@/ui/Form';
import { Money, useMoneyText } from '@/ui/Money';
import { useAttempt } from '@/ui/useAttempt';
import { useKind } from '../funds/useKind';
import { DocumentCheck } from './DocumentField';
import { useDone, useTreasury } from './Frame';
import { Who } from './Who';
import { ReasonField, useAccountName, useAccounts } from './fields';

const tones: Record<string, Tone> = { RELEASE_WAITING: 'warn', RELEASE_DONE: 'good', RELEASE_REJECTED: 'bad', RELEASE_EXPIRED: 'none' };

/** One release: from where to where, why, on which paper, and whose yes it has. */
export function ReleaseCard({ release: r }: { release: Release }) {
  const { t } = useTranslation();
  const f = useFormats();
  const kind = useKind();
  const state = r.state ?? 'RELEASE_WAITING';
  return (
    <li className="min-w-0 space-y-3 rounded-xl border border-line bg-card p-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <Money minor={r.amount} asset={r.asset} className="text-xl font-semibold" />
        <Badge tone={tones[state]}>{t(`releaseState.${state}`)}</Badge>
      </div>
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm font-medium">
        <span>{kind.name(r.fromFund ?? '')}</span>
        <ArrowRight size={16} aria-hidden className="mirror text-soft" />
        <span className="sr-only">{t('treasury.to')}</span>
        {r.assetIn ? <Money minor={r.amountIn} asset={r.assetIn} /> : <span>{kind.name(r.toFund ?? '')}</span>}
      </p>
      <Ends release={r} />
      <blockquote className="border-s-2 border-line ps-3 text-sm whitespace-pre-line">
        <bdi>{r.reason}</bdi>
      </blockquote>
      <p className="text-xs text-soft">
        {t('treasury.askedBy')} <Who id={r.askedBy} /> · {f.moment(r.asked)}
        {r.category && ` · ${t(`asnaf.${r.category as 'faqir'}`)}`}
        {r.purpose && (
          <>
            {' · '}
            <bdi className="latin font-mono">{r.purpose}</bdi>
          </>
        )}
      </p>
      {r.document && <DocumentCheck hex={r.document} />}
      <Given release={r} />
      {state === 'RELEASE_WAITING' && <Decide release={r} />}
    </li>
  );
}

/** The accounts the money goes between, by name where the reader may see them. */
function Ends({ release: r }: { release: Release }) {
  const { t } = useTranslation();
  const list = useAccounts();
  const name = useAccountName();
  const say = (id: string | undefined) => {
    const a = list.find((x) => x.id === id);
    return a ? name(a) : (id ?? '');
  };
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 text-xs text-soft">
      <dt>{t('treasury.from')}</dt>
      <dd>
        <bdi>{say(r.fromAccount)}</bdi>
      </dd>
      <dt>{t('treasury.to')}</dt>
      <dd>
        <bdi>{say(r.toAccount)}</bdi>
      </dd>
    </dl>
  );
}

/** Whose yes there is, and how many are needed. */
function Given({ release: r }: { release: Release }) {
  const { t } = useTranslation();
  const f = useFormats();
  const given = r.approvals ?? [];
  return (
    <div className="rounded-lg bg-raised px-3 py-2 text-sm">
      <p className="font-medium">{t('treasury.approved', { given: f.count(given.length), needed: f.count(r.approvalsNeeded) })}</p>
      <ul>
        {given.map((a) => (
          <li key={a.by} className="text-soft">
            <Who id={a.by} /> · {f.moment(a.time)}
          </li>
        ))}
        {r.rejectedBy && (
          <li className="text-bad">
            {t('treasury.rejectedBy')} <Who id={r.rejectedBy} />
          </li>
        )}
      </ul>
      {r.state === 'RELEASE_WAITING' && <p className="mt-1 text-xs text-soft">{t('treasury.expires', { when: f.ago(r.expires) })}</p>}
    </div>
  );
}

function Decide({ release: r }: { release: Release }) {
  const { t } = useTranslation();
  const { id, may, away } = useTreasury();
  const money = useMoneyText();
  const kind = useKind();
  const attempt = useAttempt();
  const done = useDone();
  const [rejecting, setRejecting] = useState(false);
  if (id !== undefined && r.askedBy === id) return <p className="text-sm font-medium">{t('treasury.yours')}</p>;
  if (r.approvals?.some((a) => a.by === id)) return <p className="text-sm font-medium">{t('treasury.gave')}</p>;
  if (!may('wallet.approve')) return <p className="text-sm text-soft">{t('treasury.notYou')}</p>;
  if (away) return <p className="text-sm text-warn">{t('treasury.awayHere')}</p>;
  const path = `/v1/wallet/compliance/releases/${encodeURIComponent(r.id)}`;
  const approve = () =>
    attempt(async () => {
      const now = await command<Release>('POST', `${path}:approve`);
      done(t(now.state === 'RELEASE_DONE' ? 'treasury.releaseDone' : 'treasury.approvalGiven'));
    });
  const reject = async (d: FormData) => {
    await command('POST', `${path}:reject`, { reason: text(d, 'reason') });
    done(t('treasury.rejected'));
    setRejecting(false);
  };
  const last = (r.approvals?.length ?? 0) + 1 >= (r.approvalsNeeded ?? 2);
  return (
    <div className="flex flex-wrap justify-end gap-2">
      <Button look="danger" onClick={() => setRejecting(true)}>
        {t('treasury.reject')}
      </Button>
      <Confirm
        danger={false}
        label={t('treasury.approve')}
        title={t('treasury.approveTitle', { sum: money(r.amount, r.asset) })}
        text={t(last ? 'treasury.approveLast' : 'treasury.approveMore', { from: kind.name(r.fromFund ?? ''), to: r.assetIn ?? kind.name(r.toFund ?? '') })}
        onConfirm={approve}
      />
      {rejecting && (
        <Dialog open onClose={() => setRejecting(false)} title={t('treasury.rejectTitle')}>
          <Form submit={t('treasury.reject')} onSubmit={reject} extra={<Button onClick={() => setRejecting(false)}>{t('common.cancel')}</Button>}>
            <ReasonField label={t('treasury.reason')} />
          </Form>
        </Dialog>
      )}
    </div>
  );
}
