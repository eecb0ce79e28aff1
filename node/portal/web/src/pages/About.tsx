import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { status } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { Card, Facts } from '@/ui/Card';
import { linkLooks } from '@/ui/Button';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Budgets } from './Budgets';

export default function About() {
  const { t } = useTranslation();
  const f = useFormats();
  const query = useQuery(status);
  return (
    <Page title={t('nav.about')} lead={t('about.lead')}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('about.node')}>
          <Loaded query={query}>
            {(s) => (
              <Facts
                rows={[
                  [t('about.version'), <bdi className="latin">{s.version}</bdi>],
                  [t('about.role'), t(s.role === 'hub' ? 'about.hub' : 'about.plain')],
                  [t('about.site'), <bdi>{[s.site, s.region].filter(Boolean).join(' · ')}</bdi>],
                  [t('about.id'), <bdi className="latin font-mono text-xs break-all">{s.node}</bdi>],
                  [t('about.started'), `${f.moment(s.started)} (${f.ago(s.started)})`],
                  [t('about.clock'), f.moment(s.now)],
                ]}
              />
            )}
          </Loaded>
        </Card>
        <Card title={t('about.licence')}>
          <p className="text-sm text-soft">{t('about.licenceText')}</p>
          <div className="mt-3 flex flex-wrap gap-2">
            <a className={linkLooks()} href="/v1/about/licence">
              {t('about.licenceLink')}
            </a>
            <a className={linkLooks()} href="/v1/about/sbom">
              {t('about.sbom')}
            </a>
            <a className={linkLooks()} href="/openapi.json">
              {t('about.api')}
            </a>
          </div>
        </Card>
        <Budgets />
      </div>
    </Page>
  );
}
