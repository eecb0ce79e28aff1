import { useInfiniteQuery } from '@tanstack/react-query';
import { ArrowDownLeft, ArrowUpRight, Clock, History } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Account, type Entry, entries } from '@/api/money/ledger';
import { toMinor } from '@/i18n/money';
import { useFormats } from '@/i18n/format';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Empty, Loaded } from '@/ui/States';
import { EntrySheet } from './EntrySheet';
import { useEntryName } from './words';

/** What moved on an account, newest first, with what stood there after each. */
export function Entries({ account: a, title }: { account: Account; title?: string }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({ ...entries(a.id), refetchInterval: 20_000 });
  const [shown, setShown] = useState<Entry>();
  return (
    <Card title={title ?? t('wallet.history')} flush>
      <Loaded query={query} lines={5}>
        {({ pages }) => {
          const all = pages.flatMap((p) => p.entries ?? []);
          if (all.length === 0) return <Empty icon={History} title={t('wallet.noHistory')} />;
          return (
            <ul className="divide-y divide-line border-t border-line">
              {all.map((e) => (
                <Row key={e.number} entry={e} asset={a.asset} onOpen={() => setShown(e)} />
              ))}
            </ul>
          );
        }}
      </Loaded>
      {query.hasNextPage && (
        <div className="p-4">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('common.more')}
          </Button>
        </div>
      )}
      {shown && <EntrySheet entry={shown} asset={a.asset} onClose={() => setShown(undefined)} />}
    </Card>
  );
}

/** What is only kept aside did not move yet: it is marked, and the balance beside it is what can be spent. */
export const kept = (e: Entry) => e.kind === 'hold' || e.kind === 'void' || e.kind === 'expire';

function Row({ entry: e, asset, onOpen }: { entry: Entry; asset?: string; onOpen: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const name = useEntryName();
  const out = toMinor(e.amount) < 0n;
  const Icon = kept(e) ? Clock : out ? ArrowUpRight : ArrowDownLeft;
  return (
    <li>
      <button type="button" onClick={onOpen} className="flex w-full items-center gap-3 px-4 py-2.5 text-start hover:bg-raised/60">
        <span className={`shrink-0 rounded-full p-2 ${kept(e) ? 'bg-raised text-soft' : out ? 'bg-raised text-ink' : 'bg-good-ground text-good'}`}>
          <Icon size={16} aria-hidden className="mirror" />
        </span>
        <span className="min-w-0 grow">
          <span className="block truncate text-sm font-medium">{name(e)}</span>
          <span className="block truncate text-xs text-soft">
            {f.moment(e.time)}
            {e.memo && (
              <>
                {' · '}
                <bdi>{e.memo}</bdi>
              </>
            )}
          </span>
        </span>
        <span className="shrink-0 text-end">
          <Money minor={e.amount} asset={asset} plus className={`block text-sm font-semibold ${!out && !kept(e) ? 'text-good' : ''}`} />
          <span className="block text-xs text-soft">
            <span className="sr-only">{t('wallet.thenStood')} </span>
            <Money minor={kept(e) ? e.balance?.available : e.balance?.posted} asset={asset} />
          </span>
        </span>
      </button>
    </li>
  );
}
