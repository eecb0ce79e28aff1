import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type en from './en.json';
import type moneyEn from './money/en.json';
import { Store } from '@/api/store';
import { learnSayings } from './said';

export const languages = {
  en: { name: 'English', dir: 'ltr' },
  id: { name: 'Bahasa Indonesia', dir: 'ltr' },
  ms: { name: 'Bahasa Melayu', dir: 'ltr' },
  ur: { name: 'اردو', dir: 'rtl' },
  ar: { name: 'العربية', dir: 'rtl' },
} as const;

export type Language = keyof typeof languages;

const texts: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import('./en.json'),
  id: () => import('./id.json'),
  ms: () => import('./ms.json'),
  ur: () => import('./ur.json'),
  ar: () => import('./ar.json'),
};

/** Names of what the node only sends to a few pages: operations, permissions, events. They come with the first such page. */
const codes: typeof texts = {
  en: () => import('./codes/en.json'),
  id: () => import('./codes/id.json'),
  ms: () => import('./codes/ms.json'),
  ur: () => import('./codes/ur.json'),
  ar: () => import('./codes/ar.json'),
};

/** Texts of the pages of money. They come with the first of them. */
const money: typeof texts = {
  en: () => import('./money/en.json'),
  id: () => import('./money/id.json'),
  ms: () => import('./money/ms.json'),
  ur: () => import('./money/ur.json'),
  ar: () => import('./money/ar.json'),
};

/** What was learned beside the texts, by a section that is in each. It is learned again in each language that is spoken. */
const learned = new Map<string, typeof texts>();

async function learn(section: string, from: typeof texts) {
  learned.set(section, from);
  await add(section, from, language.get());
}

/** learnCodes is waited for before a page that shows such names, learnMoney before one of money. */
export const learnCodes = () => learn('op', codes);
export const learnMoney = () => learn('money', money);

async function add(section: string, from: typeof texts, to: Language) {
  if (!i18next.getResource(to, 'translation', section)) i18next.addResourceBundle(to, 'translation', (await from[to]()).default, true);
}

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation';
    resources: { translation: typeof en & typeof moneyEn };
  }
}

export const language = new Store<Language>('en');

/** preferred is what was chosen here before, or the first of the browser's languages we have. */
export function preferred(chosen: string | null, wishes: readonly string[]): Language {
  for (const wish of [chosen ?? '', ...wishes]) {
    const short = wish.split('-')[0] as Language;
    if (short in languages) return short;
  }
  return 'en';
}

export async function startI18n() {
  await i18next.use(initReactI18next).init({
    resources: {},
    interpolation: { escapeValue: false }, // React escapes
    returnNull: false,
    // Every language is complete (a test sees to it), so there is nothing to fall back to.
    fallbackLng: false,
  });
  await speak(preferred(localStorage.getItem('lang'), navigator.languages));
}

/** speak switches the whole page, its direction included. */
export async function speak(to: Language) {
  if (!i18next.hasResourceBundle(to, 'translation')) {
    const [bundle] = await Promise.all([texts[to](), learnSayings()]);
    i18next.addResourceBundle(to, 'translation', bundle.default);
  }
  await Promise.all([...learned].map(([section, from]) => add(section, from, to)));
  await i18next.changeLanguage(to);
  document.documentElement.lang = to;
  document.documentElement.dir = languages[to].dir;
  language.set(to);
}

export async function choose(to: Language) {
  localStorage.setItem('lang', to);
  await speak(to);
}
