import { useQuery } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { type ServiceToken, tokens } from '@/api/tokens';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { useRoleName } from '@/pages/people/roleNames';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Page } from '@/ui/Page';
import { Empty, Loaded } from '@/ui/States';
import { useCode } from '@/ui/useCode';
import { CreateToken } from './CreateToken';

/** By what other programs prove themselves here. */
export default function Tokens() {
  const { t } = useTranslation();
  const query = useQuery(tokens);
  const manages = may(useQuery({ ...me, enabled: false }).data, 'tokens.manage');
  const [making, setMaking] = useState(false);
  const add = manages && (
    <Button look="main" onClick={() => setMaking(true)}>
      <Plus size={18} aria-hidden />
      {t('token.add')}
    </Button>
  );
  return (
    <Page title={t('nav.tokens')} lead={t('token.lead')} action={add}>
      <Card flush>
        <Loaded query={query} lines={5}>
          {({ tokens = [] }) =>
            tokens.length === 0 ? (
              <Empty icon={KeyRound} title={t('token.none')} action={add}>
                {t('token.noneHint')}
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {tokens.map((x) => (
                  <Row key={x.id} token={x} manages={manages} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      {making && <CreateToken onClose={() => setMaking(false)} />}
    </Page>
  );
}

const soon = 14 * 86_400_000;

function Row({ token: x, manages }: { token: ServiceToken; manages: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const roleName = useRoleName();
  const { name } = useNames();
  const code = useCode();
  const send = useCommand();
  const values = { name: x.name || x.id };
  const left = Date.parse(x.until ?? '') - Date.now();
  const revoke = () => send({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(x.id)}`, label: 'token.revoking', values }, t('token.revoked', values));
  return (
    <li className="flex flex-wrap items-center gap-x-6 gap-y-2 px-4 py-3">
      <div className="min-w-0 grow basis-56">
        <p className="truncate font-medium">
          <bdi>{x.name}</bdi>
        </p>
        <p className="text-xs text-soft">
          {t('token.by', { name: name(x.by), when: f.ago(x.created) })} · {x.used ? t('account.used', { when: f.ago(x.used) }) : t('token.unused')}
        </p>
        {x.scopes && x.scopes.length > 0 && <p className="text-xs break-words text-soft">{x.scopes.map((s) => code('permission', s)).join(' · ')}</p>}
      </div>
      <div className="flex flex-wrap gap-1.5">
        {(x.roles ?? []).map((r) => (
          <Badge key={r}>{roleName(r)}</Badge>
        ))}
        <Badge tone={left < 0 ? 'bad' : left < soon ? 'warn' : 'none'}>{left < 0 ? t('token.ended') : t('token.until', { when: f.ago(x.until) })}</Badge>
      </div>
      {manages && <Confirm label={t('token.revoke')} title={t('token.revokeTitle', values)} text={t('token.revokeText')} onConfirm={revoke} />}
    </li>
  );
}
