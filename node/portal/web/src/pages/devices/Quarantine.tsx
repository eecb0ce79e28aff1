import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { type Quarantined, quarantine } from '@/api/devices';
import { may, me } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { Card } from '@/ui/Card';
import { Own } from '@/ui/Own';
import { Loaded } from '@/ui/States';

const shown = 4096;

/** preview shows a payload as text where it is text, and in hexadecimal digits where it is not. */
export function preview(base64: string): string {
  const raw = atob(base64).slice(0, shown);
  const bytes = Uint8Array.from(raw, (c) => c.charCodeAt(0));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');
  }
}

/** What could not be read was kept as it came, so that nothing is lost and somebody can see why. */
export function Quarantine({ device }: { device: string }) {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const allowed = may(who, 'quarantine.read');
  const query = useQuery({ ...quarantine(device), enabled: allowed });
  if (!allowed) return null;
  return (
    <Card title={t('quarantine.title')}>
      <Loaded query={query}>
        {({ messages = [] }) =>
          messages.length === 0 ? (
            <p className="text-sm text-soft">{t('quarantine.none')}</p>
          ) : (
            <ul className="divide-y divide-line">
              {messages.map((m) => (
                <Message key={m.position ?? m.time} message={m} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}

function Message({ message: m }: { message: Quarantined }) {
  const f = useFormats();
  return (
    <li className="py-2 text-sm">
      <details>
        <summary className="flex flex-wrap items-baseline gap-x-3">
          <bdi className="font-medium">{m.device}</bdi>
          <span className="min-w-0 grow break-words text-soft">
            <Own text={m.reason} />
          </span>
          <time dateTime={m.time} className="figures text-xs text-soft">
            {f.moment(m.time)}
          </time>
        </summary>
        <p className="latin mt-2 font-mono text-xs text-soft">{m.topic}</p>
        <pre dir="ltr" tabIndex={0} className="mt-1 max-h-48 overflow-auto rounded-lg bg-raised p-3 text-xs whitespace-pre-wrap break-all">
          {preview(m.payload ?? '')}
        </pre>
      </details>
    </li>
  );
}
