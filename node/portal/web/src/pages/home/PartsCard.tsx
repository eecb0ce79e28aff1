import { useTranslation } from 'react-i18next';
import type { Part } from '@/api/node';
import { Sign, toneOf } from '@/ui/Badge';
import { Card } from '@/ui/Card';

/** Each part speaks for itself, in the node's own words. */
export function PartsCard({ parts }: { parts: Part[] }) {
  const { t } = useTranslation();
  return (
    <Card title={t('parts.title')}>
      <ul className="grid gap-x-8 sm:grid-cols-2">
        {parts.map((p) => (
          <li key={p.name} className="flex gap-2.5 border-t border-line py-2.5 text-sm">
            <span className="mt-0.5">
              <Sign tone={toneOf(p.level)} />
            </span>
            <div className="min-w-0">
              <p className="font-medium">
                <bdi>{p.name}</bdi>
              </p>
              <p className="break-words text-soft">
                <bdi>{p.text}</bdi>
              </p>
              {p.hint && (
                <p className="break-words">
                  <bdi>{p.hint}</bdi>
                </p>
              )}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}
