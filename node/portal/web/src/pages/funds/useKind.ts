import type { ParseKeys } from 'i18next';
import { useTranslation } from 'react-i18next';

/** The kinds of funds. What is in one is spent on what its kind allows, and on nothing else. */
export const kinds = ['general', 'amanah', 'zakat', 'fitr', 'fidya', 'qurban', 'qard_pool', 'charity', 'purification', 'building', 'sadaqah', 'waqf_corpus', 'waqf_yield'] as const;

/** Of these there may be several, each with a label of its own. */
export const labelled: readonly string[] = ['sadaqah', 'waqf_corpus', 'waqf_yield'];

export const kindOf = (fund: string) => fund.split(':')[0]!;

/** useKind says what kind of fund it is, and what may be spent of it. */
export function useKind() {
  const { t, i18n } = useTranslation();
  const say = (section: 'fundKind' | 'fundUse', fund: string) => {
    const key = `${section}.${kindOf(fund)}`;
    return i18n.exists(key) ? t(key as ParseKeys) : kindOf(fund);
  };
  return {
    name: (fund: string) => say('fundKind', fund),
    use: (fund: string) => say('fundUse', fund),
    /** The general fund is free; of what is kept in trust nothing is the house's at all. */
    restricted: (fund: string) => kindOf(fund) !== 'general',
  };
}
