import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { invitations } from '@/api/identity';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { useRoleName } from './roleNames';

/** Invitations nobody has taken up yet. Their codes are gone from here; they can only be taken back. */
export function Invitations({ manages }: { manages: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const roleName = useRoleName();
  const send = useCommand();
  const open = useQuery(invitations).data?.invitations ?? [];
  if (open.length === 0) return null;
  const revoke = (id: string, name: string) =>
    void send({ method: 'DELETE', path: `/v1/invitations/${encodeURIComponent(id)}`, label: 'people.revoking', values: { name } }, t('people.revoked'));
  return (
    <Card title={t('people.open')}>
      <ul className="divide-y divide-line">
        {open.map((i) => (
          <li key={i.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 py-2.5 text-sm">
            <span className="min-w-0 grow">
              {i.login ? <bdi className="font-medium">{i.login}</bdi> : (i.roles ?? []).map((r) => <Badge key={r}>{roleName(r)}</Badge>)}
              <span className="block text-xs text-soft">{t('people.until', { when: f.moment(i.until) })}</span>
            </span>
            {i.person ? <Badge tone="warn">{t('people.forReset')}</Badge> : i.login && (i.roles ?? []).map((r) => <Badge key={r}>{roleName(r)}</Badge>)}
            {manages && <Button onClick={() => revoke(i.id, i.login || i.id)}>{t('people.revoke')}</Button>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
