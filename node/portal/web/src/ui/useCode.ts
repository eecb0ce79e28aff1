import type { ParseKeys } from 'i18next';
import { useTranslation } from 'react-i18next';
import { said } from '@/i18n/said';

/** Sections of the texts that are named by codes of the node. */
export type Coded = 'op' | 'permission' | 'event' | 'thing' | 'scope' | 'part' | 'level' | 'role' | 'roleDoc' | 'area' | 'quantity' | 'auditKind' | 'auditReason' | 'actorKind' | 'problemKind' | 'refusal' | 'purpose' | 'entryKind' | 'zakatSet' | 'zakatStep' | 'merchantKind';

/**
 * useCode says a code of the node in the reader's language. A code this build has no words for is said as the node
 * says it: in its own sentence where it sent one. A test sees to it that there are words for every code there is.
 */
export function useCode() {
  const { t, i18n } = useTranslation();
  return (section: Coded, code: string | undefined, own?: string): string => {
    const key = `${section}.${(code ?? '').replaceAll('.', '-')}`;
    return code && i18n.exists(key) ? t(key as ParseKeys) : (own ?? code ?? '');
  };
}

/** useWords says a sentence of the node in the reader's language; undefined where there are no words for it. */
export function useWords() {
  const { t } = useTranslation();
  const words = (sentence: string | undefined): string | undefined => {
    const found = sentence ? said(sentence) : undefined;
    if (!found) return undefined;
    // What stands in a place may be a sentence itself: what is wrong with a message.
    const values = Object.fromEntries(Object.entries(found.values).map(([k, v]) => [k, words(v) ?? v]));
    return (t as (key: string, values: object) => string)(`said.${found.saying}`, values);
  };
  return words;
}
