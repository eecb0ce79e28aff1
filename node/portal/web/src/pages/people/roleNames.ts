import { useTranslation } from 'react-i18next';
import { type Role, roles } from '@/api/identity';

/** useRoleName names a role in the language of the page; one this build does not know keeps its own name. */
export function useRoleName() {
  const { t } = useTranslation();
  return (role: string) => (roles.includes(role as Role) ? t(`role.${role as Role}`) : role);
}
