import { useTranslation } from 'react-i18next';
import { roles } from '@/api/identity';
import { Check } from '@/ui/Field';

export function RoleChoice({ held = [] }: { held?: string[] }) {
  const { t } = useTranslation();
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">{t('people.roles')}</legend>
      <div className="grid gap-x-4 sm:grid-cols-2">
        {roles.map((r) => (
          <Check key={r} label={t(`role.${r}`)} name="roles" value={r} defaultChecked={held.includes(r)} />
        ))}
      </div>
    </fieldset>
  );
}

export const chosenRoles = (data: FormData) => data.getAll('roles').map(String);
