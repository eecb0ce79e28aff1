import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { configuration, settings, status } from '@/api/node';
import { linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Backups } from './Backups';
import { HubCard } from './HubCard';
import { SettingRow } from './SettingRow';
import { inForce, isKnown } from './known';

export default function Settings() {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const manages = may(who, 'settings.manage');
  const query = useQuery(settings);
  const joined = useQuery({ ...status, enabled: false }).data?.link?.joined;
  return (
    <Page title={t('nav.settings')} lead={t('settings.lead')}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('settings.site')}>
          <Loaded query={query}>
            {({ settings = [] }) => {
              const all = settings.some((s) => s.key === 'site.name') ? settings : [{ key: 'site.name' }, ...settings];
              return (
                <ul className="divide-y divide-line">
                  {all
                    .filter((s) => isKnown(s.key ?? ''))
                    .map((s) => (
                      <SettingRow key={s.key} setting={s} manages={manages} />
                    ))}
                </ul>
              );
            }}
          </Loaded>
        </Card>
        <LinkLimits />
        {may(who, 'node.backup') && <Backups />}
        {!joined && may(who, 'members.manage') && <HubCard />}
        <Card title={t('install.title')}>
          <p className="text-sm text-soft">{t('settings.install')}</p>
          <div className="mt-3 flex justify-end">
            <Link to="/install" className={linkLooks()}>
              {t('settings.installGo')}
            </Link>
          </div>
        </Card>
      </div>
    </Page>
  );
}

/** What the link may use stands in the node's own file: it is of this box and its contract, not of the site. */
function LinkLimits() {
  const { t } = useTranslation();
  const query = useQuery(configuration);
  const show = (v: string | undefined, none: string) => (!v || v === '0' ? none : <bdi className="latin">{v}</bdi>);
  return (
    <Card title={t('settings.limits')}>
      <Loaded query={query}>
        {({ toml = '' }) => (
          <>
            <Facts
              rows={[
                [t('setting.uplink-day-budget'), show(inForce(toml, 'uplink', 'day_budget'), t('settings.noLimit'))],
                [t('setting.uplink-month-budget'), show(inForce(toml, 'uplink', 'month_budget'), t('settings.noLimit'))],
                [t('setting.uplink-bulk-window'), show(inForce(toml, 'uplink', 'bulk_window'), t('settings.anyTime'))],
              ]}
            />
            <p className="mt-2 text-xs text-soft">{t('settings.inFile')}</p>
            <details className="mt-2 text-sm">
              <summary className="inline-block py-1 text-accent">{t('settings.whole')}</summary>
              <pre dir="ltr" tabIndex={0} className="mt-1 max-h-72 overflow-auto rounded-lg bg-raised p-3 text-xs">
                {toml}
              </pre>
            </details>
          </>
        )}
      </Loaded>
    </Card>
  );
}
