import { useQuery } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { about, status } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Materials } from './Materials';

export default function About() {
  const { t } = useTranslation();
  const f = useFormats();
  const node = useQuery(status);
  const program = useQuery(about);
  return (
    <Page title={t('nav.about')} lead={t('about.lead')}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('about.node')}>
          <Loaded query={node}>
            {(s) => (
              <Facts
                rows={[
                  [t('about.role'), t(s.role === 'hub' ? 'about.hub' : 'about.plain')],
                  [t('about.site'), <bdi className="latin">{[s.site, s.region].filter(Boolean).join(' · ')}</bdi>],
                  [t('about.id'), <bdi className="latin inline-block max-w-[32ch] font-mono text-xs break-all">{s.node}</bdi>],
                  [t('about.started'), `${f.moment(s.started)} (${f.ago(s.started)})`],
                  [t('about.clock'), f.moment(s.now)],
                ]}
              />
            )}
          </Loaded>
        </Card>
        <Card title={t('about.program')}>
          <Loaded query={program}>
            {(a) => (
              <Facts
                rows={[
                  [t('about.version'), <bdi className="latin">{a.version}</bdi>],
                  ...(a.revision ? ([[t('about.revision'), <bdi className="latin font-mono text-xs">{`${a.revision.slice(0, 12)}${a.changed ? '+' : ''}`}</bdi>]] as [string, React.ReactNode][]) : []),
                  [t('about.built'), <bdi className="latin">{[a.toolchain, a.platform].filter(Boolean).join(' · ')}</bdi>],
                  [t('about.disk'), f.bytes(a.programBytes)],
                  [t('about.memory'), f.bytes(a.memoryBytes)],
                ]}
              />
            )}
          </Loaded>
        </Card>
        <Card title={t('about.licence')} className="lg:col-span-2">
          <p className="text-sm text-soft">{t('about.licenceText')}</p>
          <div className="mt-3 flex flex-wrap gap-2">
            <a className={linkLooks()} href="/licence.txt">
              {t('about.licenceLink')}
            </a>
            <a className={linkLooks()} href="/v1/about/sbom" download="aielon-edge.cdx.json">
              <Download size={16} aria-hidden />
              {t('about.sbom')}
            </a>
            <a className={linkLooks()} href="/openapi.json">
              {t('about.api')}
            </a>
          </div>
          <div className="mt-4">
            <Loaded query={program}>{(a) => <Materials list={a.materials ?? []} />}</Loaded>
          </div>
        </Card>
      </div>
    </Page>
  );
}
