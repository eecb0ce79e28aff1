import { useTranslation } from 'react-i18next';
import { useStore } from '@/api/store';
import { type Language, choose, language, languages } from '@/i18n';
import { Select } from '@/ui/Field';
import { type Theme, chooseTheme, theme } from './theme';

export function LanguageChoice() {
  const { t } = useTranslation();
  const now = useStore(language);
  return (
    <Select label={t('menu.language')} value={now} onChange={(e) => void choose(e.target.value as Language)}>
      {Object.entries(languages).map(([code, l]) => (
        <option key={code} value={code} lang={code} dir={l.dir}>
          {l.name}
        </option>
      ))}
    </Select>
  );
}

export function ThemeChoice() {
  const { t } = useTranslation();
  const now = useStore(theme);
  return (
    <Select label={t('menu.theme')} value={now} onChange={(e) => chooseTheme(e.target.value as Theme)}>
      <option value="system">{t('menu.themeSystem')}</option>
      <option value="light">{t('menu.themeLight')}</option>
      <option value="dark">{t('menu.themeDark')}</option>
    </Select>
  );
}
