import { Inbox } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Waiting } from '@/api/db';
import { cancel, outbox, replay, sending } from '@/api/outbox';
import { Problem } from '@/api/problem';
import { useStore } from '@/api/store';
import { useFormats } from '@/i18n/format';
import { Badge, Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Empty } from '@/ui/States';
import { useSentence } from '@/ui/useSentence';

/** The outbox is never silent: what waits, since when, what was refused and why. */
export default function OutboxSheet({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const all = useStore(outbox);
  return (
    <Dialog open side onClose={onClose} title={t('outbox.title')}>
      {all.length === 0 ? (
        <Empty icon={Inbox} title={t('outbox.empty')} />
      ) : (
        <>
          <p className="text-sm text-soft">{t('outbox.lead')}</p>
          <ul className="my-3 divide-y divide-line">
            {all.map((w) => (
              <Item key={w.id} item={w} />
            ))}
          </ul>
          <Button onClick={() => void replay()}>{t('outbox.now')}</Button>
        </>
      )}
    </Dialog>
  );
}

function Item({ item }: { item: Waiting }) {
  const { t } = useTranslation();
  const f = useFormats();
  // Which key it is was checked when the command was made; what is kept is text.
  const say = t as (key: string, values: Record<string, string>) => string;
  const sentence = useSentence();
  const why = item.refused && sentence(new Problem(item.refused));
  const onTheWay = useStore(sending) === item.id;
  return (
    <li className="space-y-2 py-3">
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <p className="text-sm font-medium break-words">{say(item.label, item.values)}</p>
          <p className="text-xs text-soft">{f.moment(item.at)}</p>
        </div>
        {item.refused ? <Badge tone="bad">{t('outbox.refused')}</Badge> : <Badge tone="warn">{t(onTheWay ? 'outbox.sending' : 'outbox.waiting')}</Badge>}
      </div>
      {why && (
        <Notice tone="bad" hint={why.hint}>
          {why.text}
        </Notice>
      )}
      {!item.refused && item.attempts > 0 && <p className="text-xs text-soft">{t('outbox.maybe')}</p>}
      {!onTheWay && <Button onClick={() => void cancel(item.id!)}>{t(item.refused ? 'outbox.dismiss' : 'outbox.cancel')}</Button>}
    </li>
  );
}
