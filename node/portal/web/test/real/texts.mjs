// What the page says in a language, by the key of its text.
import { readFileSync } from 'node:fs';

export function speaker(lang) {
  const texts = Object.assign({}, ...['', 'money/'].map((dir) => JSON.parse(readFileSync(new URL(`../../src/i18n/${dir}${lang}.json`, import.meta.url), 'utf8'))));
  return (key, values = {}) => {
    const [section, name] = key.split('.');
    const form = values.count === undefined ? '' : `_${new Intl.PluralRules(lang).select(values.count)}`;
    const text = texts[section]?.[name + form];
    if (text === undefined) throw new Error(`no text ${key}${form} in ${lang}`);
    return text.replace(/{{(\w+)}}/g, (_, v) => values[v]);
  };
}
