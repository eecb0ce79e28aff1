import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { HubForm } from '@/pages/setup/HubStep';
import { Card } from '@/ui/Card';

export function HubCard() {
  const { t } = useTranslation();
  const client = useQueryClient();
  return (
    <Card title={t('setup.hubTitle')}>
      <p className="mb-4 text-sm text-soft">{t('setup.hubLead')}</p>
      <HubForm onDone={() => void client.invalidateQueries()} />
    </Card>
  );
}
