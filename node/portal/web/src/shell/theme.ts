import { Store } from '@/api/store';

export type Theme = 'system' | 'light' | 'dark';

const stored = () => {
  const t = localStorage.getItem('theme');
  return t === 'light' || t === 'dark' ? t : 'system';
};

export const theme = new Store<Theme>('system');

export function startTheme() {
  theme.set(stored());
}

export function chooseTheme(to: Theme) {
  if (to === 'system') {
    localStorage.removeItem('theme');
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem('theme', to);
    document.documentElement.dataset.theme = to;
  }
  theme.set(to);
}
