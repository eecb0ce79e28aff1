import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { known, word } from '@/pages/settings/known';
import { learnSayings, said } from '@/i18n/said';
import { sayings } from '@/i18n/sayings';
import { preferred } from '@/i18n';

type Texts = Record<string, Record<string, string>>;
const src = new URL('../../src/', import.meta.url);
const files = (lang: string) => [`i18n/${lang}.json`, `i18n/codes/${lang}.json`, `i18n/money/${lang}.json`].map((f) => readFileSync(new URL(f, src), 'utf8'));
const texts = (lang: string) => Object.assign({}, ...files(lang).map((f) => JSON.parse(f) as Texts)) as Texts;
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
  const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => /\.tsx?$/.test(f));
  const code = sources.map((f) => readFileSync(new URL(f, src), 'utf8')).join('\n');
  const computed = /^(nav|role|roleDoc|area|class|part|dataClass|setting|setup|install|ledger|auditKind|auditReason|auditProof|actorKind|strength|linkProfile|hitKind|attentionOf|attentionDo|op|permission|event|thing|scope|level|problemKind|said|quantity|refusal|purpose|entryKind|zakatSet|zakatStep|merchantKind)\.|^program\.(app|server|self)(Help)?$/;
  const ofFunds = /^(fundKind|fundUse|accountKind|asnaf|caseState|releaseState|reviewState|entryState|bankPart|proposal|conflict|csvColumn)\.|^treasury\.(part|show|step|campaign|total|act|did|way)_/;
  const unused = [...english.keys()].filter((k) => !code.includes(`'${k}'`) && !computed.test(k) && !ofFunds.test(k));
  expect(unused).toEqual([]);
});

/** Keys that stand twice in one object of a file: JSON.parse keeps the last and says nothing. */
function twice(raw: string): string[] {
  const inside: { path: string; keys: Set<string> }[] = [];
  const found: string[] = [];
  let last = '';
  for (const [token, , colon] of raw.matchAll(/"((?:[^"\\]|\\.)*)"(\s*:)?|[{}]/g)) {
    if (token === '{') inside.push({ path: last, keys: new Set() });
    else if (token === '}') inside.pop();
    else if (colon) {
      last = `${inside.map((x) => x.path).join('.')}.${token}`;
      if (inside.at(-1)!.keys.has(token)) found.push(last);
      inside.at(-1)!.keys.add(token);
    }
  }
  return found;
}

test('no text has two wordings: no key stands twice', () => {
  expect(twice('{"a": {"b": "x\\" {", "c": ""}, "d": {"b": ""}}')).toEqual([]);
  expect(twice('{"a": {"b": "x", "b": "y"}, "a": {}}')).toHaveLength(2);
  for (const lang of ['en', 'id', 'ms', 'ur', 'ar']) expect(files(lang).flatMap(twice), lang).toEqual([]);
});

test('no section is in two files of a language', () => {
  for (const lang of ['en', 'id', 'ms', 'ur', 'ar']) {
    const sections = files(lang).flatMap((f) => Object.keys(JSON.parse(f) as Texts));
    expect(sections.filter((s, i) => sections.indexOf(s) !== i), lang).toEqual([]);
  }
});

describe('what the node says', () => {
  const top = new URL('../../../../../', import.meta.url);
  const go = ['node', 'cluster', 'sync', 'hardware']
    .flatMap((dir) => readdirSync(new URL(dir, top), { recursive: true, encoding: 'utf8' }).map((f) => `${dir}/${f}`))
    .filter((f) => f.endsWith('.go') && !/_test\.go$|\.pb\.go$|\/web\//.test(f))
    .map((f) => readFileSync(new URL(f, top), 'utf8'));
  test.each(Object.entries(sayings))('is still said so: %s', (_, form) => {
    const chunks = form.split(/%[dfqsv]/).filter((c) => c.trim().length > 2);
    expect(go.some((file) => chunks.every((c) => file.includes(c))), form).toBe(true);
  });
  test('has words of its own, and keeps what stood in its places', async () => {
    await learnSayings();
    expect([...english.keys()].filter((k) => k.startsWith('said.')).sort()).toEqual(Object.keys(sayings).map((k) => `said.${k}`).sort());
    expect(said('leading 3 nodes')).toEqual({ saying: 'leading', values: { a: '3' } });
    expect(said('connected to hub over quic, 12 records wait')?.values).toEqual({ a: 'hub', b: 'quic', c: '12' });
    expect(said('the certificate is good for another 6.9 days')?.values).toEqual({ a: '6.9' });
    expect(said('browsers cannot be sent back to "http://x"')?.values).toEqual({ a: 'http://x' });
    expect(said('leading 3 nodes and more')).toBeUndefined();
    expect(said('')).toBeUndefined();
  });
});

test('what the node knows a unit for has a name', () => {
  const units = readFileSync(new URL('../../../../../hardware/device/units.go', import.meta.url), 'utf8').split('func unitOfWord(')[1]!.split('\n}')[0]!;
  const words = [...units.matchAll(/case "([^"]+)"/g)].map((m) => m[1]!);
  expect(words.length).toBeGreaterThan(20);
  for (const w of words) expect(english.has(`quantity.${w}`), w).toBe(true);
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
