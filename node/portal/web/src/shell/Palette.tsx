import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { ArrowRight, Search } from 'lucide-react';
import { type KeyboardEvent, useDeferredValue, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { search } from '@/api/search';
import { Dialog } from '@/ui/Dialog';
import { type HitKind, hitAddress, hitKinds } from '@/pages/hits';
import { usePlaces } from './places';

interface Choice {
  id: string;
  text: string;
  note?: string;
  href: string;
}

/** The Palette is one field for going anywhere and finding anything, by keyboard alone if need be. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const list = useId();
  const [words, setWords] = useState('');
  const [at, setAt] = useState(0);
  const choices = useChoices(words);
  const go = useNavigate();
  const open = (c: Choice | undefined) => {
    if (!c) return;
    onClose();
    void go({ href: c.href });
  };
  const press = (e: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) {
      e.preventDefault();
      setAt((i) => (i + step + choices.length) % Math.max(1, choices.length));
    } else if (e.key === 'Enter') open(choices[at]);
  };
  return (
    <Dialog open onClose={onClose} title={t('search.open')}>
      <div className="flex items-center gap-2 rounded-lg border border-line px-3">
        <Search size={18} aria-hidden className="text-soft" />
        <input
          autoFocus
          role="combobox"
          aria-label={t('search.label')}
          aria-expanded
          aria-controls={list}
          aria-activedescendant={choices[at] ? `${list}-${at}` : undefined}
          placeholder={t('search.placeholder')}
          // An empty field of no direction would put its hint on the wrong side.
          dir={words ? 'auto' : undefined}
          value={words}
          onChange={(e) => {
            setWords(e.target.value);
            setAt(0);
          }}
          onKeyDown={press}
          className="min-h-11 w-full bg-transparent outline-none"
        />
      </div>
      {choices.length === 0 && <p className="mt-3 px-1 text-sm text-soft">{t('search.none', { words })}</p>}
      <ul id={list} role="listbox" aria-label={t('search.results')} className="mt-2 max-h-80 overflow-y-auto">
        {choices.map((c, i) => (
          <li
            key={c.id}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === at}
            onClick={() => open(c)}
            onMouseMove={() => setAt(i)}
            className={`flex min-h-11 cursor-pointer items-center gap-3 rounded-lg px-3 text-sm ${i === at ? 'bg-accent-ground' : ''}`}
          >
            <span className="min-w-0 grow truncate">
              <bdi>{c.text}</bdi>
            </span>
            {c.note && <span className="text-xs text-soft">{c.note}</span>}
            {i === at && <ArrowRight size={16} aria-hidden className="mirror text-accent" />}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function useChoices(words: string): Choice[] {
  const { t } = useTranslation();
  const places = usePlaces();
  const wanted = useDeferredValue(words.trim());
  const hits = useInfiniteQuery(search(wanted)).data?.pages[0]?.hits ?? [];
  const found: Choice[] = places
    .map((p) => ({ id: p.to, text: t(`nav.${p.name}`), href: p.to }))
    .filter((c) => c.text.toLocaleLowerCase().includes(wanted.toLocaleLowerCase()));
  for (const h of hits.slice(0, 8)) found.push({ id: `${h.kind}/${h.id}/${h.link}`, text: h.title || h.id || '', note: hitKinds.includes(h.kind as HitKind) ? t(`hitKind.${h.kind as HitKind}`) : h.kind, href: hitAddress(h) });
  if (wanted.length > 1) found.push({ id: 'all', text: t('search.all', { words: wanted }), href: `/search?q=${encodeURIComponent(wanted)}` });
  return found;
}
