import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { HubSummary } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';

/** What a hub gathers, where a node would speak of its link. */
export function GatherCard({ hub }: { hub: HubSummary }) {
  const { t } = useTranslation();
  const f = useFormats();
  return (
    <Card title={<span id="link">{t('nav.hub')}</span>}>
      <Facts
        rows={[
          [t('hub.online'), f.count(hub.online)],
          [t('hub.records'), f.count(hub.records)],
          [t('hub.kept'), f.bytes(hub.keptBytes)],
        ]}
      />
      <div className="mt-3 flex justify-end">
        <Link to="/hub" className={linkLooks()}>
          {t('attention.look')}
        </Link>
      </div>
    </Card>
  );
}
