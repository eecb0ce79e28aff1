import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { hawl } from '@/api/zakat';
import { toMinor } from '@/i18n/money';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Money } from '@/ui/Money';

/** What is due stands where nobody overlooks it; nothing stands here while nothing is. */
export function ZakatCard({ person }: { person: string }) {
  const { t } = useTranslation();
  const year = useQuery(hawl(person)).data;
  const due = (year?.dues ?? []).reduce((sum, d) => sum + toMinor(d.zakat) - toMinor(d.paid), 0n);
  if (due <= 0n) return null;
  return (
    <Card title={t('wallet.zakatDue')}>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <Money minor={due.toString()} asset={year?.asset} className="text-2xl font-semibold" />
        <Link to="/wallet/zakat" className={linkLooks('main')}>
          {t('wallet.zakat')}
        </Link>
      </div>
    </Card>
  );
}
