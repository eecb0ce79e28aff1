import { type ChangeEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { Account } from '@/api/money/ledger';
import { type CsvMapping, type Imported, statementsPath } from '@/api/reconcile';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { MappingFields, mappingOf } from './MappingFields';
import { useDone } from './Frame';

const largest = 716_800; // bytes, as the node takes them

interface Chosen { bytes: Uint8Array; format: 'CAMT053' | 'CSV' }

interface Props {
  account: Account;
  known?: { bankAccounts?: string[]; mapping?: CsvMapping };
  onClose: () => void;
}

/** Takes in a file of the bank, whole or not at all. The same file twice does nothing twice. */
export function ImportStatement({ account, known, onClose }: Props) {
  const { t } = useTranslation();
  const done = useDone();
  const [file, setFile] = useState<Chosen>();
  const [error, setError] = useState<string>();
  const take = async (e: ChangeEvent<HTMLInputElement>) => {
    const f = e.target.files?.[0];
    setFile(undefined);
    setError(f && f.size > largest ? t('treasury.fileLarge') : undefined);
    if (!f || f.size > largest) return;
    const bytes = new Uint8Array(await f.arrayBuffer());
    setFile({ bytes, format: formatOf(bytes) });
  };
  const send = async (d: FormData) => {
    if (!file) return;
    const mapping = file.format === 'CSV' ? mappingOf(d) : undefined;
    const got = await command<Imported>('POST', statementsPath, { account: account.id, format: file.format, document: base64(file.bytes), mapping, bankAccount: text(d, 'bank') });
    const count = (got.statements ?? []).reduce((n, s) => n + (s.entries ?? 0), 0);
    done(got.again ? t('treasury.importedAgain') : t('treasury.imported', { count }));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.import')}>
      <Form submit={t('treasury.import')} onSubmit={send} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <Field label={t('treasury.file')} type="file" required accept=".xml,.csv,.txt,text/csv,application/xml" error={error} help={t('treasury.fileHelp')} onChange={(e) => void take(e)} />
        {!known?.bankAccounts?.length && <Field label={t('treasury.iban')} name="bank" latin required maxLength={64} help={t('treasury.ibanHelp')} />}
        {file?.format === 'CSV' && <MappingFields bytes={file.bytes} known={known?.mapping} />}
      </Form>
    </Dialog>
  );
}

/** formatOf tells XML from lines of text by where it begins. */
export function formatOf(bytes: Uint8Array): 'CAMT053' | 'CSV' {
  const head = new TextDecoder().decode(bytes.subarray(0, 200)).replace(/^\ufeff/, '').trimStart();
  return head.startsWith('<') ? 'CAMT053' : 'CSV';
}

function base64(bytes: Uint8Array): string {
  let s = '';
  for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(s);
}
