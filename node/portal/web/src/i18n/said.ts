import type { sayings } from './sayings';

type Saying = keyof typeof sayings;

let forms: [Saying, RegExp][] = [];

/** learnSayings fetches the table; it comes with the texts of a language. Until then nothing is known. */
export async function learnSayings() {
  if (forms.length > 0) return;
  const { sayings } = await import('./sayings');
  forms = Object.entries(sayings).map(([key, form]) => [key as Saying, formOf(form)]);
}

/** said finds which sentence of the node it is, and what stood in its places. */
export function said(sentence: string): { saying: Saying; values: Record<string, string> } | undefined {
  for (const [saying, form] of forms) {
    const found = form.exec(sentence);
    if (found) return { saying, values: Object.fromEntries(found.slice(1).map((v, i) => ['abc'[i]!, v])) };
  }
  return undefined;
}

const places: Record<string, string> = { '%d': '(\\d+)', '%f': '([\\d.]+)', '%q': '"(.*)"' };

/** A form of Go's fmt as an expression for what it writes. */
function formOf(text: string): RegExp {
  const parts = text.split(/(%[dfqsv])/).map((p) => (/^%[dfqsv]$/.test(p) ? (places[p] ?? '(.+)') : p.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('')}$`, 's');
}
