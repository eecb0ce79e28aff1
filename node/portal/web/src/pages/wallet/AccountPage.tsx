import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { Suspense, lazy, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { me } from '@/api/identity';
import { type Account, account } from '@/api/money/ledger';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Money, useAssetName } from '@/ui/Money';
import { Columns, Page } from '@/ui/Page';
import { Qr } from '@/ui/Secret';
import { Loaded } from '@/ui/States';
import { Actions } from './Actions';
import { Entries } from './Entries';
import { accountName } from './FromAccount';
import { NumberOf } from './NumberOf';
import { Statements } from './Statements';

const BalancePlot = lazy(() => import('./BalancePlot'));

/** One account: what stands on it, how that came, and its statements. */
export default function AccountPage() {
  const { account: id } = useParams({ strict: false }) as { account: string };
  const query = useQuery({ ...account(id), refetchInterval: 20_000 });
  return <Loaded query={query}>{(a) => <One account={a} />}</Loaded>;
}

function One({ account: a }: { account: Account }) {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const mine = a.owner !== undefined && a.owner === who?.id;
  return (
    <Page title={accountName(a)} action={mine && <Actions from={a.id} />}>
      {a.state === 'FROZEN' && (
        <Notice tone="warn" hint={t('wallet.frozenHint')}>
          {t('wallet.isFrozen')}
        </Notice>
      )}
      <Columns>
        <Standing account={a} />
        <Suspense>
          <BalancePlot account={a} />
        </Suspense>
      </Columns>
      <Entries account={a} />
      <Statements account={a.id} />
    </Page>
  );
}

function Standing({ account: a }: { account: Account }) {
  const { t } = useTranslation();
  const f = useFormats();
  const name = useAssetName();
  const b = a.balance;
  const money = (minor: string | undefined) => <Money minor={minor} asset={a.asset} />;
  return (
    <Card>
      <p className="text-sm text-soft">{t('wallet.available')}</p>
      <p className="flex flex-wrap items-center gap-3">
        <Money minor={b?.available} asset={a.asset} className="text-3xl font-semibold" />
        {a.state === 'CLOSED' && <Badge>{t('wallet.closed')}</Badge>}
      </p>
      <div className="mt-3">
        <Facts
          rows={[
            [t('wallet.posted'), money(b?.posted)],
            [t('wallet.goingOut'), money(b?.debitsPending)],
            [t('wallet.comingIn'), money(b?.creditsPending)],
            [t('wallet.currency'), name(a.asset ?? '')],
            [t('wallet.opened'), f.moment(a.opened)],
          ]}
        />
      </div>
      <Receive account={a} />
    </Card>
  );
}

/** The number by which others pay in, for eyes and for cameras. */
function Receive({ account: a }: { account: Account }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <div className="mt-2 flex flex-wrap items-center justify-between gap-3 text-sm">
      <span className="min-w-0">
        <span className="block text-soft">{t('wallet.number')}</span>
        <NumberOf id={a.id} />
      </span>
      <Button onClick={() => setOpen(true)}>{t('wallet.showCode')}</Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t('wallet.receive')}>
        <div className="flex flex-col items-center gap-3 pb-2 text-center">
          <p className="text-sm text-soft">{t('wallet.receiveHint')}</p>
          <Qr value={a.id} label={t('wallet.number')} size={240} />
          <NumberOf id={a.id} />
        </div>
      </Dialog>
    </div>
  );
}
