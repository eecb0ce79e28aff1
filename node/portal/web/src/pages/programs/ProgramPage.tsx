import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { welcome } from '@/api/node';
import { type Program, program, programPath } from '@/api/programs';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { useNames } from '@/pages/people/names';
import { useRoleName } from '@/pages/people/roleNames';
import { Badge } from '@/ui/Badge';
import { linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Grants } from './Grants';
import { NameMissing } from './NameMissing';
import { discovery, kindOf, useScopeName } from './words';

/** One program: what it may ask for, and who let it do what. */
export default function ProgramPage() {
  const { t } = useTranslation();
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useQuery(program(id));
  const manages = may(useQuery({ ...me, enabled: false }).data, 'tokens.manage');
  const back = (
    <Link to="/programs" className={linkLooks()}>
      {t('program.all')}
    </Link>
  );
  return (
    <Page title={query.data?.name || id} lead={query.data && t(`program.${kindOf(query.data)}`)} action={back}>
      <NameMissing />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('program.about')}>
          <Loaded query={query} lines={7}>
            {(p) => (
              <>
                <About program={p} />
                {manages && <Remove program={p} />}
              </>
            )}
          </Loaded>
        </Card>
        {query.data && (
          <div className="min-w-0 space-y-4">
            <Asks program={query.data} />
            <Grants program={query.data} manages={manages} />
          </div>
        )}
      </div>
    </Page>
  );
}

function About({ program: p }: { program: Program }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const roleName = useRoleName();
  const own = useQuery(welcome).data?.passkeyName;
  const rows: [ReactNode, ReactNode, boolean][] = [
    [t('program.id'), <Code>{p.id}</Code>, true],
    [t('program.discovery'), <Code>{own && discovery(location.href, own)}</Code>, Boolean(own)],
    [t('program.proof'), t(p.proof === 'PROOF_KEY' ? 'program.proofKey' : 'program.proofNone'), true],
    [t('program.tokens'), t(p.bound ? 'program.boundYes' : 'program.tokensFree'), true],
    [t('program.redirects'), p.redirectUris?.map((u) => <Code key={u}>{u}</Code>), Boolean(p.redirectUris?.length)],
    [t('people.roles'), <span className="flex flex-wrap justify-end gap-1.5">{p.roles?.map((r) => <Badge key={r}>{roleName(r)}</Badge>)}</span>, Boolean(p.roles?.length)],
    [t('program.registered'), `${f.moment(p.createdAt)} · ${name(p.createdBy)}`, true],
  ];
  return (
    <>
      <Facts rows={rows.filter(([, , there]) => there).map(([a, b]) => [a, b])} />
      {p.jwks && (
        <details className="mt-2 text-sm">
          <summary className="inline-block min-h-8 py-1 font-medium text-accent">{t('program.keys')}</summary>
          <pre dir="ltr" tabIndex={0} className="max-h-64 overflow-auto rounded-lg bg-raised p-3 text-xs">
            {pretty(p.jwks)}
          </pre>
        </details>
      )}
    </>
  );
}

const Code = ({ children }: { children: ReactNode }) => <bdi className="latin block font-mono text-xs break-all select-all">{children}</bdi>;

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), undefined, 2);
  } catch {
    return json;
  }
}

function Asks({ program: p }: { program: Program }) {
  const { t } = useTranslation();
  const scopeName = useScopeName();
  return (
    <Card title={t('program.scopes')}>
      <ul className="divide-y divide-line text-sm">
        {(p.scopes ?? []).map((s) => (
          <li key={s} className="flex flex-wrap items-baseline justify-between gap-x-4 py-2">
            {scopeName(s) !== s && <span>{scopeName(s)}</span>}
            <bdi className="latin font-mono text-xs break-all text-soft">{s}</bdi>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Remove({ program: p }: { program: Program }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const send = useCommand();
  const values = { name: p.name || p.id };
  const remove = () => send({ method: 'DELETE', path: programPath(p.id), label: 'program.removing', values }, t('program.removed', values), () => go({ to: '/programs' }));
  return (
    <div className="mt-4 flex justify-end border-t border-line pt-4">
      <Confirm label={t('common.remove')} title={t('program.removeTitle', values)} text={t('program.removeText')} onConfirm={remove} />
    </div>
  );
}
