import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { type Entry, transfer } from '@/api/money/ledger';
import { decision } from '@/api/money/rules';
import { useFormats } from '@/i18n/format';
import { Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Money } from '@/ui/Money';
import { NumberOf } from './NumberOf';
import { Rule } from './Outcome';
import { useEntryName } from './words';

/** One entry with all that is known of it, and what the rules said of it. */
export function EntrySheet({ entry: e, asset, onClose }: { entry: Entry; asset?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const name = useEntryName();
  // Whoever paid may see the transfer as a whole; whoever was paid sees this entry.
  const whole = useQuery({ ...transfer(e.transfer ?? ''), enabled: !!e.transfer, retry: false }).data;
  const rows: [ReactNode, ReactNode][] = [
    [t('wallet.amount'), <Money key="a" minor={e.amount} asset={asset} plus />],
    [t('wallet.when'), f.moment(e.time)],
    [t('wallet.thenStood'), <Money key="b" minor={e.balance?.posted} asset={asset} />],
  ];
  if (e.memo) rows.push([t('wallet.memo'), <bdi key="m">{e.memo}</bdi>]);
  if (e.reference) rows.push([t('wallet.reference'), <bdi key="r">{e.reference}</bdi>]);
  if (e.other) rows.push([t('wallet.other'), <NumberOf key="o" id={e.other} />]);
  if (whole?.expires) rows.push([t('wallet.heldUntil'), f.moment(whole.expires)]);
  if (e.transfer) rows.push([t('wallet.transferNumber'), <NumberOf key="t" id={e.transfer} />]);
  return (
    <Dialog open side onClose={onClose} title={name(e)}>
      <Facts rows={rows} />
      {e.transfer && <Remarks id={e.transfer} />}
    </Dialog>
  );
}

/** What the rules remarked; of most transfers they say nothing. */
function Remarks({ id }: { id: string }) {
  const { t } = useTranslation();
  const d = useQuery(decision(id)).data;
  if (!d?.text) return null;
  return (
    <div className="mt-4 space-y-1 rounded-lg bg-raised px-3.5 py-2.5 text-sm">
      <p className="font-medium">{t('wallet.rulesSaid')}</p>
      <p>
        <bdi>{d.text}</bdi>
      </p>
      {d.notes?.map((n) => (
        <p key={n.rule}>
          <bdi>{n.text}</bdi>
        </p>
      ))}
      <p className="text-xs text-soft">
        <Rule rule={d.rule} set={d.setName} version={d.setVersion} />
      </p>
    </div>
  );
}
