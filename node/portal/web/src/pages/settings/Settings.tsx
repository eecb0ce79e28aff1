import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { may, me } from '@/api/identity';
import { settings, status } from '@/api/node';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Loaded } from '@/ui/States';
import { Backups } from './Backups';
import { HubCard } from './HubCard';
import { LinkCard } from './LinkCard';
import { SettingRow } from './SettingRow';
import { isKnown } from './known';

export default function Settings() {
  const { t } = useTranslation();
  const who = useQuery({ ...me, enabled: false }).data;
  const manages = may(who, 'settings.manage');
  const query = useQuery(settings);
  const joined = useQuery({ ...status, enabled: false }).data?.link?.joined;
  return (
    <Page title={t('nav.settings')} lead={t('settings.lead')}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="min-w-0 space-y-4">
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
          {may(who, 'node.backup') && <Backups />}
        </div>
        <div className="min-w-0 space-y-4">
          <LinkCard />
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
      </div>
    </Page>
  );
}
