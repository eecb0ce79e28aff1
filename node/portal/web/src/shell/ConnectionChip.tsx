import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { may, me } from '@/api/identity';
import { status } from '@/api/node';
import { useStore } from '@/api/store';
import { type Tone, Sign } from '@/ui/Badge';

/** The worst that is true comes first: no node, no hub, all well. */
export function useConnectionWords(): { tone: Tone; text: string } {
  const { t } = useTranslation();
  const { reachable } = useStore(connection);
  const node = useQuery({ ...status, enabled: false }).data;
  const who = useQuery({ ...me, enabled: false }).data;
  const link = node?.link;
  if (!reachable) return { tone: 'bad', text: t('connection.noNode') };
  // Who may not see the node's state knows that it answers, and no more.
  if (who && !may(who, 'node.read')) return { tone: 'good', text: t('connection.online') };
  if (!link) return { tone: 'none', text: t('connection.asking') };
  if (!link.joined && node?.role === 'hub') return { tone: 'good', text: t('connection.gathers', { count: node.hub?.online ?? 0 }) };
  if (!link.joined) return { tone: 'none', text: t('connection.alone') };
  if (link.held) return { tone: 'warn', text: t('connection.held') };
  return link.connected ? { tone: 'good', text: t('connection.online') } : { tone: 'warn', text: t('connection.noHub') };
}

export function ConnectionChip() {
  const { tone, text } = useConnectionWords();
  return (
    <Link to="/" hash="link" className="inline-flex min-h-8 items-center gap-1.5 rounded-full px-2 text-xs font-medium whitespace-nowrap text-soft hover:bg-raised">
      <Sign tone={tone} size={15} />
      <span aria-live="polite">{text}</span>
    </Link>
  );
}
