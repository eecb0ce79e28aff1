import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { linkLooks } from '@/ui/Button';
import { Solo } from '@/ui/Page';

export default function NotFound() {
  const { t } = useTranslation();
  return (
    <Solo title={t('notFound.title')} lead={t('notFound.lead')}>
      <Link to="/" className={linkLooks('main')}>
        {t('notFound.home')}
      </Link>
    </Solo>
  );
}
