import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { status } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { usePlaces } from '@/shell/places';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Attention } from './Attention';
import { GatherCard } from './GatherCard';
import { LedgerCard } from './LedgerCard';
import { LinkCard } from './LinkCard';
import { PartsCard } from './PartsCard';

export default function Home() {
  const { t } = useTranslation();
  const f = useFormats();
  const who = useQuery({ ...me, enabled: false }).data;
  const now = new Date();
  return (
    <Page title={t('nav.home')} lead={`${f.day(now)} · ${f.hijri(now)}`}>
      {may(who, 'node.read') ? <State /> : <Ways />}
    </Page>
  );
}

/** How the node is, and what needs somebody. */
function State() {
  const query = useQuery(status);
  return (
    <Loaded query={query} lines={8}>
      {(s) => (
        <div className="grid items-start gap-4 lg:grid-cols-3">
          <div className="lg:col-span-3">
            <LedgerCard ledger={s.ledger ?? {}} hub={s.role === 'hub'} />
          </div>
          <div className="lg:col-span-2">
            <Attention status={s} />
          </div>
          {s.role === 'hub' && !s.link?.joined ? <GatherCard hub={s.hub ?? {}} /> : <LinkCard link={s.link ?? {}} />}
          <div className="lg:col-span-3">
            <PartsCard parts={s.parts ?? []} />
          </div>
        </div>
      )}
    </Loaded>
  );
}

/** Who is here for something else than the machine finds the ways to it. */
function Ways() {
  const { t } = useTranslation();
  return (
    <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
      {usePlaces()
        .filter((p) => p.to !== '/')
        .map(({ to, name, icon: Icon }) => (
          <li key={to}>
            <Link to={to} className="flex min-h-16 items-center gap-3 rounded-xl border border-line bg-card px-4 font-medium hover:bg-raised/60">
              <Icon size={22} aria-hidden className="text-accent" />
              {t(`nav.${name}`)}
            </Link>
          </li>
        ))}
    </ul>
  );
}
