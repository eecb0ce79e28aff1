import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { status } from '@/api/node';
import { useFormats } from '@/i18n/format';
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
  const query = useQuery(status);
  const now = new Date();
  return (
    <Page title={t('nav.home')} lead={`${f.day(now)} · ${f.hijri(now)}`}>
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
    </Page>
  );
}
