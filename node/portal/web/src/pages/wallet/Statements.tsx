import { Download } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { statementAddress } from '@/api/money/ledger';
import { connection } from '@/api/connection';
import { useStore } from '@/api/store';
import { language } from '@/i18n';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Field } from '@/ui/Field';

const formats = ['pdf', 'csv', 'hledger', 'beancount'] as const;
const names = { pdf: 'PDF', csv: 'CSV', hledger: 'hledger', beancount: 'beancount' };

/** The first day of a month so many months ago, as a date field has it. */
function monthBegin(ago: number): string {
  const d = new Date();
  const first = new Date(d.getFullYear(), d.getMonth() - ago, 1);
  return `${first.getFullYear()}-${String(first.getMonth() + 1).padStart(2, '0')}-01`;
}

/** A day of the reader's own zone as the moment it begins; days later. */
export const midnight = (day: string, later = 0): string | undefined => {
  const [y, m, d] = day.split('-').map(Number);
  return y && m && d ? new Date(y, m - 1, d + later).toISOString() : undefined;
};

/** Statements to keep and to hand on, of the time somebody chooses. */
export function Statements({ account }: { account: string }) {
  const { t } = useTranslation();
  const lang = useStore(language);
  const { reachable } = useStore(connection);
  const [from, setFrom] = useState(monthBegin(0));
  const [until, setUntil] = useState('');
  const of = { from: midnight(from), until: until ? midnight(until, 1) : undefined, language: lang };
  return (
    <Card title={t('wallet.statements')}>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t('audit.from')} type="date" value={from} max={until || undefined} onChange={(e) => setFrom(e.target.value)} />
        <Field label={t('audit.to')} type="date" value={until} min={from || undefined} onChange={(e) => setUntil(e.target.value)} help={t('wallet.untilNow')} />
      </div>
      {reachable ? (
        <div className="mt-4 flex flex-wrap gap-2">
          {formats.map((f) => (
            <a key={f} className={linkLooks(f === 'pdf' ? 'main' : 'plain')} href={statementAddress(account, f, of)} download={`statement.${f}`} aria-label={t('wallet.statementAs', { format: names[f] })}>
              <Download size={16} aria-hidden />
              <span className="latin">{names[f]}</span>
            </a>
          ))}
        </div>
      ) : (
        <p className="mt-4 text-sm text-soft">{t('wallet.needsNode')}</p>
      )}
    </Card>
  );
}
