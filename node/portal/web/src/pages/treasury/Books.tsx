import { Download } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { query, statementAddress } from '@/api/money/ledger';
import { useStore } from '@/api/store';
import { language } from '@/i18n';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Field } from '@/ui/Field';
import { Frame, useTreasury } from './Frame';
import { AccountField, useAccounts } from './fields';
import { midnight } from './times';

const ledgers = ['journal.hledger', 'journal.ledger', 'journal.beancount', 'journal.csv', 'balances.csv'] as const;
const statements = ['pdf', 'csv', 'camt053', 'hledger'] as const;

/** The books as files, for an auditor's own tools and for those an account belongs to. */
export default function Books() {
  const { t } = useTranslation();
  const { away } = useTreasury();
  const [span, setSpan] = useState({ from: '', until: '' });
  const of = { from: midnight(span.from), until: midnight(span.until, 1) };
  return (
    <Frame title={t('treasury.books')} lead={t('treasury.booksLead')}>
      <Card title={t('treasury.spanTitle')}>
        <div className="grid gap-4 sm:grid-cols-2 lg:max-w-xl">
          <Field label={t('audit.from')} type="date" value={span.from} onChange={(e) => setSpan({ ...span, from: e.target.value })} help={t('treasury.fromHelp')} />
          <Field label={t('audit.to')} type="date" value={span.until} onChange={(e) => setSpan({ ...span, until: e.target.value })} help={t('treasury.untilHelp')} />
        </div>
      </Card>
      {!away && (
        <div className="grid items-start gap-4 lg:grid-cols-2">
          <Card title={t('treasury.ledger')}>
            <p className="mb-3 text-sm text-soft">{t('treasury.ledgerHelp')}</p>
            <div className="flex flex-wrap gap-2">
              {ledgers.map((file) => (
                <File key={file} name={file} href={query(`/v1/wallet/ledger/${file}`, file === 'balances.csv' ? { until: of.until } : of)} />
              ))}
            </div>
          </Card>
          <Statements of={of} />
        </div>
      )}
    </Frame>
  );
}

function Statements({ of }: { of: { from?: string; until?: string } }) {
  const { t } = useTranslation();
  const lang = useStore(language);
  const list = useAccounts();
  const [id, setId] = useState('');
  return (
    <Card title={t('treasury.statement')}>
      <AccountField label={t('treasury.account')} list={list} value={id} onChange={(e) => setId(e.target.value)} />
      {id && (
        <div className="mt-3 flex flex-wrap gap-2">
          {statements.map((s) => (
            <File key={s} name={`statement.${s}`} href={statementAddress(id, s, { ...of, language: s === 'pdf' ? lang : undefined })} />
          ))}
        </div>
      )}
    </Card>
  );
}

const File = ({ name, href }: { name: string; href: string }) => (
  <a className={linkLooks()} href={href} download={name}>
    <Download size={16} aria-hidden />
    <bdi className="latin">{name}</bdi>
  </a>
);
