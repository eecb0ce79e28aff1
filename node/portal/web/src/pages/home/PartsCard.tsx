import { useTranslation } from 'react-i18next';
import type { Part } from '@/api/node';
import { Sign, toneOf } from '@/ui/Badge';
import { Card } from '@/ui/Card';
import { Own } from '@/ui/Own';
import { useCode } from '@/ui/useCode';

/** A part has a name for people; one that this build does not know keeps the node's own. */
export function usePartName() {
  const code = useCode();
  return (name = '') => code('part', name.replaceAll(' ', '-'), name);
}

/** What is not well is told; of what is, its number is enough, and the words of each for who asks. */
export function PartsCard({ parts }: { parts: Part[] }) {
  const { t } = useTranslation();
  const well = parts.filter((p) => toneOf(p.level) === 'good');
  const rest = parts.filter((p) => toneOf(p.level) !== 'good');
  return (
    <Card title={t('parts.title')}>
      {rest.length > 0 && <Rows parts={rest} />}
      <details className="text-sm">
        <summary className="flex min-h-9 items-center gap-2 font-medium text-accent">
          <Sign tone="good" />
          {t('parts.well', { count: well.length })}
        </summary>
        <Rows parts={well} />
      </details>
    </Card>
  );
}

/** Each part speaks for itself. */
function Rows({ parts }: { parts: Part[] }) {
  const name = usePartName();
  const code = useCode();
  return (
    <ul className="grid gap-x-8 sm:grid-cols-2 lg:grid-cols-3">
      {parts.map((p) => (
        <li key={p.name} className="flex gap-2.5 py-2 text-sm">
          <span className="mt-0.5">
            <Sign tone={toneOf(p.level)} />
          </span>
          <div className="min-w-0">
            <p className="font-medium">
              <bdi>{name(p.name)}</bdi>
            </p>
            {(p.text || p.level !== 'ok') && <p className="text-xs break-words text-soft">{p.text ? <Own text={p.text} /> : code('level', p.level)}</p>}
            {p.hint && (
              <p className="text-xs break-words">
                <Own text={p.hint} />
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}
