import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Laptop, Smartphone } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { sessions } from '@/api/identity';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Loaded } from '@/ui/States';
import { useAttempt } from '@/ui/useAttempt';

/** agentName is the browser and the system in an agent's long line about itself; of other programs, what they say first. */
export function agentName(agent = ''): string {
  const browser = /Edg\//.test(agent) ? 'Edge' : /(OPR|SamsungBrowser|Firefox|FxiOS|CriOS|Chrome|Safari)\//.exec(agent)?.[1];
  if (!browser) return agent.slice(0, 40);
  const system = /iPhone|iPad|Android|Windows|Mac OS|CrOS|Linux/.exec(agent)?.[0];
  const plain: Record<string, string> = { OPR: 'Opera', SamsungBrowser: 'Samsung Internet', FxiOS: 'Firefox', CriOS: 'Chrome', 'Mac OS': 'macOS', CrOS: 'ChromeOS' };
  return [browser, system].map((x) => x && (plain[x] ?? x)).filter(Boolean).join(' · ');
}

export function Sessions() {
  const { t } = useTranslation();
  const f = useFormats();
  const client = useQueryClient();
  const attempt = useAttempt();
  const query = useQuery(sessions);
  const act = (send: () => Promise<unknown>) =>
    void attempt(async () => {
      await send();
      await client.invalidateQueries({ queryKey: ['sessions'] });
    });
  const others = (query.data?.sessions ?? []).some((s) => !s.current);
  const all = others && <Button onClick={() => act(() => command('POST', '/v1/me/sessions/revoke-others'))}>{t('account.endOthers')}</Button>;
  return (
    <Card title={t('account.sessions')} action={all}>
      <Loaded query={query}>
        {({ sessions = [] }) => (
          <ul className="divide-y divide-line">
            {sessions.map((s) => (
              <li key={s.id} className="flex items-center gap-3 py-2.5 text-sm">
                {/mobile|phone|android/i.test(s.agent ?? '') ? <Smartphone size={18} className="text-soft" aria-hidden /> : <Laptop size={18} className="text-soft" aria-hidden />}
                <span className="min-w-0 grow">
                  <bdi className="block truncate font-medium" title={s.agent}>{agentName(s.agent) || s.id.slice(0, 8)}</bdi>
                  <span className="block text-xs text-soft">{t('account.used', { when: f.ago(s.used ?? s.created) })}</span>
                </span>
                {s.current ? (
                  <Badge tone="good">{t('account.thisOne')}</Badge>
                ) : (
                  <Button onClick={() => act(() => command('DELETE', `/v1/me/sessions/${encodeURIComponent(s.id)}`))}>{t('account.end')}</Button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}
