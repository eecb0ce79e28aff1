import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import type { Link } from '@/api/node';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { Notice, type Tone } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';

export function LinkCard({ link }: { link: Link }) {
  const { t } = useTranslation();
  const f = useFormats();
  const who = useQuery({ ...me, enabled: false }).data;
  const send = useCommand();
  const hold = (held: boolean) =>
    void send({ method: 'POST', path: '/v1/link/hold', body: { held }, label: held ? 'link.holding' : 'link.releasing' }, t(held ? 'link.isHeld' : 'link.isReleased'));
  const [tone, text]: [Tone, string] = !link.joined
    ? ['none', t('link.alone')]
    : link.held
      ? ['warn', t('link.held')]
      : link.connected
        ? ['good', t('link.connected')]
        : ['warn', t('link.off')];
  return (
    <Card title={<span id="link">{t('link.title')}</span>}>
      <Notice tone={tone} hint={!link.connected && link.error ? link.error : undefined}>
        {text}
      </Notice>
      {link.joined && (
        <div className="mt-2">
          <Facts
            rows={[
              [t('link.hub'), <bdi className="latin">{link.hub}</bdi>],
              ...(link.connected ? ([[t('link.way'), `${(link.transport ?? '').toUpperCase()} · ${f.value(Math.round(link.rttMs ?? 0))} ms`]] as [string, string][]) : []),
              ...(!link.connected && link.nextTry && !link.held ? ([[t('link.next'), f.time(link.nextTry)]] as [string, string][]) : []),
            ]}
          />
        </div>
      )}
      {link.joined && may(who, 'node.manage') && (
        <div className="mt-3 flex justify-end">
          <Button onClick={() => hold(!link.held)}>{t(link.held ? 'link.release' : 'link.hold')}</Button>
        </div>
      )}
    </Card>
  );
}
