import { useTranslation } from 'react-i18next';
import { useFormats } from '@/i18n/format';
import { permille } from './parts';

/** A Goal is how far something is, in words beside the bar: a bar alone says nothing to whoever does not see it. */
export function Goal({ there, goal, sum, big = false }: { there: bigint; goal: bigint; sum: (minor: bigint) => string; big?: boolean }) {
  const { t } = useTranslation();
  const f = useFormats();
  const part = permille(there, goal);
  const reached = there >= goal;
  return (
    <div>
      <div className={`overflow-hidden rounded-full bg-raised ${big ? 'h-[2.4vmin]' : 'h-2.5'}`}>
        <div className={`h-full rounded-full ${reached ? 'bg-good' : 'bg-accent'}`} style={{ width: `${part / 10}%` }} />
      </div>
      <p className={`mt-1.5 flex flex-wrap justify-between gap-x-4 ${big ? 'text-[clamp(1rem,3.4vmin,3rem)]' : 'text-sm'}`}>
        <span className="font-medium">{reached ? t('fund.reached') : t('fund.far', { part: f.percent(part / 1000) })}</span>
        <span className="text-soft">{t('fund.goal', { sum: sum(goal) })}</span>
      </p>
    </div>
  );
}
