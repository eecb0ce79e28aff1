import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { summary, summaryParts } from '@/api/reconcile';
import { Notice } from '@/ui/Badge';
import { Card, Facts } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Loaded } from '@/ui/States';
import { whole } from '../funds/parts';

/** Both balances, and what the difference between them consists of. */
export function BankSummary({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery(summary(id));
  return (
    <Card title={t('treasury.summary')}>
      <Loaded query={query} lines={6}>
        {(s) => {
          const asset = s.statement?.asset;
          const sum = (n: string | undefined, plus = false) => <Money minor={n} asset={asset} plus={plus} />;
          const parts = summaryParts.filter((p) => (s[p]?.count ?? 0) > 0 || whole(s[p]?.amount) !== 0n);
          const rows: [ReactNode, ReactNode][] = [
            [t('treasury.bankSays'), s.statement?.closing ? sum(s.statement.closing) : t('treasury.notSaid')],
            [t('treasury.booksSay'), sum(s.ledgerClosing)],
            ...(s.difference !== undefined ? ([[t('treasury.difference'), <strong>{sum(s.difference, true)}</strong>]] as [ReactNode, ReactNode][]) : []),
            ...parts.map((p): [ReactNode, ReactNode] => [t(`bankPart.${p}`), sum(s[p]?.amount, true)]),
          ];
          const good = whole(s.unexplained) === 0n;
          return (
            <div className="space-y-3">
              <Facts rows={rows} />
              {s.difference !== undefined && <Notice tone={whole(s.difference) === 0n || good ? 'good' : 'bad'}>{whole(s.difference) === 0n ? t('treasury.agrees') : good ? t('treasury.explained') : <>{t('treasury.unexplained')} {sum(s.unexplained, true)}</>}</Notice>}
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}
