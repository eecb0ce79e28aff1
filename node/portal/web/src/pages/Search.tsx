import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { SearchX } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { search } from '@/api/more';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Field } from '@/ui/Field';
import { text } from '@/ui/Form';
import { Page } from '@/ui/Page';
import { Empty, Loaded } from '@/ui/States';
import { hitAddress } from './hits';

export default function SearchPage() {
  const { t } = useTranslation();
  const f = useFormats();
  const go = useNavigate();
  const { q = '' } = useSearch({ strict: false }) as { q?: string };
  const query = useQuery(search(q));
  return (
    <Page title={t('search.title')}>
      <form
        role="search"
        className="flex items-end gap-2"
        onSubmit={(e) => {
          e.preventDefault();
          void go({ to: '/search', search: { q: text(new FormData(e.currentTarget), 'q') || undefined } });
        }}
      >
        <div className="grow">
          <Field key={q} label={t('search.label')} name="q" type="search" defaultValue={q} autoFocus={!q} />
        </div>
        <Button type="submit" look="main">
          {t('search.go')}
        </Button>
      </form>
      {q.length > 1 && (
        <Card flush>
          <Loaded query={query}>
            {({ hits = [] }) =>
              hits.length === 0 ? (
                <Empty icon={SearchX} title={t('search.none', { words: q })}>
                  {t('search.noneHint')}
                </Empty>
              ) : (
                <ul className="divide-y divide-line">
                  {hits.map((h) => (
                    <li key={`${h.kind}/${h.id}`}>
                      <Link to={hitAddress(h)} className="block px-4 py-3 hover:bg-raised/60">
                        <span className="flex items-center gap-2">
                          <bdi className="font-medium">{h.title || h.id}</bdi>
                          <Badge>{h.kind}</Badge>
                          <span className="grow text-end text-xs text-soft">{f.ago(h.time)}</span>
                        </span>
                        {h.snippet && <bdi className="block text-sm text-soft">{h.snippet}</bdi>}
                      </Link>
                    </li>
                  ))}
                </ul>
              )
            }
          </Loaded>
        </Card>
      )}
    </Page>
  );
}
