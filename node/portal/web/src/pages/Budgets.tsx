import { queryOptions, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { read } from '@/api/http';
import { useFormats } from '@/i18n/format';
import { Sign } from '@/ui/Badge';
import { Card } from '@/ui/Card';
import { Loaded } from '@/ui/States';

/** A Budget is what the node may use and what it was measured to use. */
interface Budget {
  name?: 'binary' | 'memory' | 'cpu' | 'diskWrites';
  unit?: 'bytes' | 'percent' | 'bytesPerHour';
  limit?: number;
  measured?: number;
}

const budgets = queryOptions({ queryKey: ['budgets'], queryFn: ({ signal }) => read<{ budgets?: Budget[] }>('/v1/about/budgets', signal), refetchInterval: 15_000 });

export function Budgets() {
  const { t } = useTranslation();
  const f = useFormats();
  const query = useQuery(budgets);
  const say = (b: Budget, n: number | undefined) => {
    if (b.unit === 'percent') return f.percent((n ?? 0) / 100);
    return b.unit === 'bytesPerHour' ? t('about.perHour', { bytes: f.bytes(n) }) : f.bytes(n);
  };
  return (
    <Card title={t('about.budgets')} className="lg:col-span-2">
      <p className="text-sm text-soft">{t('about.budgetsLead')}</p>
      <Loaded query={query}>
        {({ budgets = [] }) => (
          <ul className="mt-3 grid gap-x-8 gap-y-4 sm:grid-cols-2">
            {budgets.map((b) => {
              const share = (b.measured ?? 0) / (b.limit || 1);
              return (
                <li key={b.name}>
                  <p className="flex items-center gap-2 text-sm">
                    <Sign tone={share <= 1 ? 'good' : 'bad'} size={16} />
                    <span className="grow font-medium">{b.name && t(`budget.${b.name}`)}</span>
                    <span className="figures text-soft">{t('about.of', { used: say(b, b.measured), limit: say(b, b.limit) })}</span>
                  </p>
                  <div className="mt-1.5 h-1.5 overflow-hidden rounded-full bg-raised" aria-hidden>
                    <div className={`h-full rounded-full ${share <= 1 ? 'bg-accent' : 'bg-bad'}`} style={{ width: `${Math.min(1, share) * 100}%` }} />
                  </div>
                </li>
              );
            })}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}
