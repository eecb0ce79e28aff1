import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { known, word } from '@/pages/settings/known';
import { preferred } from '@/i18n';

type Texts = Record<string, Record<string, string>>;
const src = new URL('../../src/', import.meta.url);
const texts = (lang: string) => JSON.parse(readFileSync(new URL(`i18n/${lang}.json`, src), 'utf8')) as Texts;
const plural = /_(zero|one|two|few|many|other)$/;

/** All texts by key, those in several forms under one key with the forms beside it. */
function shape(all: Texts) {
  const found = new Map<string, { forms: Set<string>; texts: string[] }>();
  for (const [section, inside] of Object.entries(all))
    for (const [key, text] of Object.entries(inside)) {
      const form = plural.exec(key)?.[1];
      const name = `${section}.${key.replace(plural, '')}`;
      const entry = found.get(name) ?? { forms: new Set(), texts: [] };
      if (form) entry.forms.add(form);
      entry.texts.push(text);
      found.set(name, entry);
    }
  return found;
}

const places = (s: string) => [...s.matchAll(/{{(\w+)}}/g)].map((m) => m[1]!);
const english = shape(texts('en'));

describe.each(['en', 'id', 'ms', 'ur', 'ar'])('texts in %s', (lang) => {
  const mine = shape(texts(lang));
  test('are the same as in English, none missing, none too many', () => {
    expect([...mine.keys()].sort()).toEqual([...english.keys()].sort());
  });
  test('have every plural form of the language', () => {
    const forms = new Set(new Intl.PluralRules(lang).resolvedOptions().pluralCategories as string[]);
    for (const [key, entry] of mine) expect(entry.forms, key).toEqual(english.get(key)!.forms.size ? forms : new Set());
  });
  test('say something, and name only what English names', () => {
    for (const [key, entry] of mine) {
      const allowed = new Set(english.get(key)!.texts.flatMap(places));
      for (const s of entry.texts) {
        expect(s.trim(), key).not.toBe('');
        for (const name of places(s)) expect(allowed, key).toContain(name);
        // A form for one or two may say the number in words.
        if (entry.forms.size === 0) for (const name of allowed) expect(places(s), key).toContain(name);
      }
    }
  });
});

test('every text is used somewhere', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => /\.tsx?$/.test(f));
  const code = files.map((f) => readFileSync(new URL(f, src), 'utf8')).join('\n');
  const computed = /^(nav|role|roleDoc|area|class|part|dataClass|setting|setup|install|ledger|auditKind|auditReason|auditProof|actorKind|strength|linkProfile|hitKind|attentionOf|attentionDo)\./;
  const unused = [...english.keys()].filter((k) => !code.includes(`'${k}'`) && !computed.test(k));
  expect(unused).toEqual([]);
});

test('every known setting has a name', () => {
  for (const key of Object.keys(known) as (keyof typeof known)[]) expect(english.has(`setting.${word(key)}`), key).toBe(true);
});

test.each([
  [null, ['ar-EG', 'en'], 'ar'],
  [null, ['fr', 'id-ID'], 'id'],
  [null, ['fr'], 'en'],
  ['ur', ['en'], 'ur'],
  ['xx', ['ms-MY'], 'ms'],
])('the language for %s and %s is %s', (chosen, wishes, want) => {
  expect(preferred(chosen, wishes)).toBe(want);
});
