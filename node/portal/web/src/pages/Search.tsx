import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Cpu, type LucideIcon, ScrollText, SearchX, UserRound } from 'lucide-react';
import { useDeferredValue, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Found, type Hit, search, suggest } from '@/api/search';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Field } from '@/ui/Field';
import { text } from '@/ui/Form';
import { Marked } from '@/ui/Marked';
import { useCode } from '@/ui/useCode';
import { Page } from '@/ui/Page';
import { Empty, Failure, Skeleton } from '@/ui/States';
import { hitAddress, hitKinds, type HitKind } from './hits';

interface Asked {
  q?: string;
  kind?: string;
}

export default function SearchPage() {
  const { t } = useTranslation();
  const { q = '', kind } = useSearch({ strict: false }) as Asked;
  const query = useInfiniteQuery(search(q, kind));
  const pages = query.data?.pages ?? [];
  const hits = pages.flatMap((p) => p.hits ?? []);
  return (
    <Page title={t('search.title')}>
      <Box key={q} q={q} kind={kind} />
      {q.trim().length > 1 && (
        <>
          {pages[0] && <Notes found={pages[0]} q={q} kind={kind} />}
          <Card flush>
            {!query.data ? (
              query.error ? (
                <Failure error={query.error} retry={() => void query.refetch()} />
              ) : (
                <Skeleton lines={5} />
              )
            ) : hits.length === 0 ? (
              <Empty icon={SearchX} title={t('search.none', { words: q })}>
                {t('search.noneHint')}
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {hits.map((h, i) => (
                  <Row key={`${h.kind}/${h.id}/${i}`} hit={h} />
                ))}
              </ul>
            )}
          </Card>
          {query.hasNextPage && (
            <div className="flex justify-center">
              <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {t('common.more')}
              </Button>
            </div>
          )}
        </>
      )}
    </Page>
  );
}

/** The field completes the last word from what is on the node. */
function Box({ q, kind }: Asked) {
  const { t } = useTranslation();
  const go = useNavigate();
  const list = useId();
  const [typed, setTyped] = useState(q ?? '');
  const wanted = useDeferredValue(typed);
  const words = useQuery(suggest(wanted)).data?.words ?? [];
  const before = wanted.replace(/\S*$/, '');
  return (
    <form
      role="search"
      className="flex items-end gap-2"
      onSubmit={(e) => {
        e.preventDefault();
        void go({ to: '/search', search: { q: text(new FormData(e.currentTarget), 'q') || undefined, kind } });
      }}
    >
      <div className="grow">
        <Field label={t('search.label')} name="q" type="search" list={list} maxLength={512} autoComplete="off" defaultValue={q} autoFocus={!q} onChange={(e) => setTyped(e.currentTarget.value)} />
      </div>
      <datalist id={list}>
        {words.map((w) => (
          <option key={w} value={before + w} />
        ))}
      </datalist>
      <Button type="submit" look="main">
        {t('search.go')}
      </Button>
    </form>
  );
}

/** How many there are of each kind, and what was looked for instead of words nobody has. */
function Notes({ found, q, kind }: { found: Found; q: string; kind?: string }) {
  const { t } = useTranslation();
  const f = useFormats();
  const taken = (found.corrections ?? []).flatMap((c) => c.taken ?? []);
  const chip = (to: string | undefined, label: string) => (
    <Link
      key={label}
      to="/search"
      search={{ q, kind: to }}
      aria-current={kind === to ? 'true' : undefined}
      className={`inline-flex min-h-8 items-center rounded-full border px-3 text-sm ${kind === to ? 'border-accent bg-accent-ground text-accent' : 'border-line bg-card hover:bg-raised'}`}
    >
      {label}
    </Link>
  );
  return (
    <div className="space-y-2">
      <p role="status" className="text-sm text-soft">
        {t('search.found', { count: found.total ?? 0 })} {taken.length > 0 && t('search.corrected', { words: taken.join(', ') })} {found.partial && t('search.partial')}
      </p>
      {((found.kinds ?? []).length > 1 || kind) && (
        <nav aria-label={t('search.kinds')} className="flex flex-wrap gap-2">
          {chip(undefined, t('search.everything'))}
          {hitKinds.map((k) => {
            const n = found.kinds?.find((x) => x.kind === k)?.count;
            return n || kind === k ? chip(k, n ? `${t(`hitKind.${k}`)} ${f.count(n)}` : t(`hitKind.${k}`)) : null;
          })}
        </nav>
      )}
    </div>
  );
}

const icons: Record<HitKind, LucideIcon> = { person: UserRound, device: Cpu, audit: ScrollText };

function Row({ hit: h }: { hit: Hit }) {
  const { t } = useTranslation();
  const f = useFormats();
  const code = useCode();
  const known = hitKinds.includes(h.kind as HitKind) ? (h.kind as HitKind) : undefined;
  const Icon = known ? icons[known] : SearchX;
  const shown = (h.snippets ?? []).filter((s) => s.marks?.length && s.text !== h.title).slice(0, 3);
  return (
    <li>
      <Link to={hitAddress(h)} className="flex gap-3 px-4 py-3 hover:bg-raised/60">
        <Icon size={18} aria-hidden className="mt-0.5 shrink-0 text-soft" />
        <span className="min-w-0 grow">
          <span className="flex flex-wrap items-center gap-2">
            <span className="font-medium break-words">
              {h.kind === 'audit' && !h.titleMarks?.length ? code('op', h.title) : <Marked text={h.title || h.id || ''} marks={h.title ? h.titleMarks : undefined} />}
            </span>
            <Badge>{known ? t(`hitKind.${known}`) : h.kind}</Badge>
            <span className="grow text-end text-xs text-soft">{f.ago(h.time)}</span>
          </span>
          {shown.map((s) => (
            <span key={s.field} className="block text-sm break-words text-soft">
              <Marked text={s.text ?? ''} marks={s.marks} />
            </span>
          ))}
        </span>
      </Link>
    </li>
  );
}
