import { useTranslation } from 'react-i18next';
import { Field } from './Field';

/** Long beats clever: three or four words are better than one with signs in it. The node has the last word. */
export const shortest = 12;

export function NewPassword({ label }: { label?: string }) {
  const { t } = useTranslation();
  return <Field label={label ?? t('signin.password')} name="password" type="password" required minLength={shortest} maxLength={256} autoComplete="new-password" help={t('signin.passwordHelp', { count: shortest })} />;
}
