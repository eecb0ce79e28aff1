import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { consent } from '@/api/policy';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Card, Facts } from '@/ui/Card';
import { Loaded } from '@/ui/States';
import { useNames } from './names';

/** What somebody agreed to, where it was written down. */
export function PersonConsent({ id }: { id: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { name } = useNames();
  const query = useQuery({ ...consent(id), retry: false });
  // Version 0: nothing is written down.
  if (query.data && !Number(query.data.version ?? 0))
    return (
      <Card title={t('consent.title')}>
        <p className="text-sm text-soft">{t('consent.none')}</p>
      </Card>
    );
  return (
    <Card title={t('consent.title')}>
      <Loaded query={query}>
        {(c) => (
          <Facts
            rows={[
              [t('consent.general'), <Badge tone={c.deny ? 'warn' : 'good'}>{t(c.deny ? 'consent.denies' : 'consent.permits')}</Badge>],
              [t('consent.exceptions'), f.count(c.provisions?.length)],
              [t('consent.source'), <bdi>{c.source || '–'}</bdi>],
              [t('consent.written'), <bdi>{`${f.moment(c.set)} · ${name(c.by)}`}</bdi>],
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}
