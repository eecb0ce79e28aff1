import { Fragment } from 'react';
import type { Mark } from '@/api/search';

/** pieces cuts a text at its marks, which count characters and not the units strings are made of. */
export function pieces(text: string, marks: Mark[] = []): { text: string; found: boolean }[] {
  const chars = Array.from(text);
  const out: { text: string; found: boolean }[] = [];
  let at = 0;
  const add = (to: number, found: boolean) => {
    if (to > at) out.push({ text: chars.slice(at, to).join(''), found });
    at = Math.max(at, to);
  };
  for (const m of [...marks].sort((a, b) => (a.start ?? 0) - (b.start ?? 0))) {
    add(Math.min(m.start ?? 0, chars.length), false);
    add(Math.min(m.end ?? 0, chars.length), true);
  }
  add(chars.length, false);
  return out;
}

/** Marked shows a text with what was found in it set off, by more than colour. */
export function Marked({ text, marks }: { text: string; marks?: Mark[] }) {
  return (
    <bdi>
      {pieces(text, marks).map((p, i) =>
        p.found ? (
          <mark key={i} className="rounded-sm bg-accent-ground font-semibold text-inherit underline decoration-accent decoration-2 underline-offset-2">
            {p.text}
          </mark>
        ) : (
          <Fragment key={i}>{p.text}</Fragment>
        ),
      )}
    </bdi>
  );
}
