import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { assets } from '@/api/money/ledger';
import { nisab } from '@/api/zakat';
import { Problem } from '@/api/problem';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Form } from '@/ui/Form';
import { Money, MoneyField, useAmount } from '@/ui/Money';
import { Failure, Skeleton } from '@/ui/States';
import { useDone, useTreasury } from './Frame';
import { Choice } from './Plot';

/** What gold and silver cost, and nisab by it: how much wealth has to be before zakat is due. */
export function Prices() {
  const { t } = useTranslation();
  const f = useFormats();
  const { may, away } = useTreasury();
  const list = (useQuery(assets).data?.assets ?? []).filter((a) => a.iso).map((a) => a.code);
  const [chosen, setChosen] = useState('');
  const asset = chosen || list[0] || '';
  const query = useQuery({ ...nisab(asset), enabled: asset !== '' });
  const [setting, setSetting] = useState(false);
  const none = query.error instanceof Problem && (query.error.status === 404 || query.error.status === 409 || query.error.status === 422);
  const n = query.data;
  const stale = n?.sets?.some((s) => s.stale);
  return (
    <Card
      title={t('treasury.nisab')}
      action={
        may('wallet.rules') &&
        asset && (
          <Button disabled={away} onClick={() => setSetting(true)}>
            {t('treasury.pricesSet')}
          </Button>
        )
      }
    >
      {list.length > 1 && <Choice label={t('treasury.asset')} all={list} one={asset} onChoose={setChosen} say={(s) => s} />}
      {asset && query.isPending && <Skeleton />}
      {query.error && !none && !n && <Failure error={query.error} retry={() => void query.refetch()} />}
      {(none || (n && !n.price)) && <Notice tone="warn">{t('treasury.pricesNone')}</Notice>}
      {n?.price && (
        <>
          {stale && <Notice tone="warn">{t('treasury.pricesOld', { when: f.ago(n.price.time) })}</Notice>}
          <ul className="divide-y divide-line">
            {n.sets?.map((s) => (
              <li key={s.set} className="flex flex-wrap items-baseline justify-between gap-x-3 py-2">
                <span className="text-sm">
                  <bdi className="latin font-mono text-xs text-soft">{s.set}</bdi> {t(s.metal === 'silver' ? 'treasury.bySilver' : 'treasury.byGold', { grams: f.count(Number(s.milligrams ?? 0) / 1000) })} {s.stale && <Badge tone="warn">{t('treasury.old')}</Badge>}
                </span>
                <Money minor={s.amount} asset={asset} className="ms-auto font-semibold" />
              </li>
            ))}
          </ul>
          <Facts
            rows={[
              [t('treasury.goldPrice', { grams: f.value(Number(n.price.goldMg ?? 1000) / 1000) }), <Money minor={n.price.gold} asset={asset} />],
              [t('treasury.silverPrice', { grams: f.value(Number(n.price.silverMg ?? 1000) / 1000) }), <Money minor={n.price.silver} asset={asset} />],
              [t('treasury.priceTime'), f.moment(n.price.time)],
            ]}
          />
        </>
      )}
      {setting && <PriceDialog asset={asset} onClose={() => setSetting(false)} />}
    </Card>
  );
}

function PriceDialog({ asset, onClose }: { asset: string; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const [gold, silver] = [useAmount(asset), useAmount(asset)];
  const put = async () => {
    if (!gold.minor || !silver.minor) return;
    await command('POST', '/v1/wallet/zakat/prices', { asset, gold: gold.minor, silver: silver.minor });
    done(t('treasury.pricesSaved'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.pricesSet')}>
      <Form submit={t('common.save')} onSubmit={put} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <p className="text-sm text-soft">{t('treasury.pricesHelp')}</p>
        <MoneyField label={t('treasury.gold')} asset={asset} value={gold.typed} onChange={gold.setTyped} />
        <MoneyField label={t('treasury.silver')} asset={asset} value={silver.typed} onChange={silver.setTyped} />
      </Form>
    </Dialog>
  );
}
