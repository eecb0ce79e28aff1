import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { CsvMapping } from '@/api/reconcile';
import { Field, Select } from '@/ui/Field';
import { text } from '@/ui/Form';

const delimiters = [',', ';', '\t', '|'];
const columns = ['booked', 'amount', 'in', 'out', 'side', 'currency', 'reference', 'counterparty', 'remittance'] as const;

/** header is the line of a CSV that names its columns. */
export function header(bytes: Uint8Array, encoding: string, delimiter: string, skip: number): string[] {
  const head = new TextDecoder(encoding).decode(bytes.subarray(0, 16_384)).replace(/^\ufeff/, '');
  const line = head.split(/\r?\n/)[skip] ?? '';
  return line.split(delimiter).map((c) => c.trim().replace(/^"(.*)"$/, '$1')).filter(Boolean);
}

/** guess is the sign that stands most often in the first line. */
const guess = (bytes: Uint8Array) => {
  const line = new TextDecoder().decode(bytes.subarray(0, 2_000)).split('\n')[0] ?? '';
  return [...delimiters].sort((a, b) => line.split(b).length - line.split(a).length)[0]!;
};

/** How the bank writes its CSV: which column is what. It is kept, and chosen already the next time. */
export function MappingFields({ bytes, known: k }: { bytes: Uint8Array; known?: CsvMapping }) {
  const { t } = useTranslation();
  const [how, setHow] = useState({ delimiter: k?.delimiter ?? guess(bytes), encoding: k?.encoding || 'utf-8', skip: k?.skip ?? 0 });
  const names = header(bytes, how.encoding, how.delimiter, how.skip);
  const chosen = (c: (typeof columns)[number]) => (c === 'remittance' ? k?.remittance?.[0] : k?.[c]) ?? '';
  return (
    <details open={!k} className="rounded-lg border border-line px-3 py-2">
      <summary className="py-1 text-sm font-medium">{t(k ? 'treasury.mappingKnown' : 'treasury.mapping')}</summary>
      <div className="grid gap-3 pt-2 sm:grid-cols-2">
        <Select label={t('treasury.delimiter')} name="delimiter" value={how.delimiter} onChange={(e) => setHow({ ...how, delimiter: e.target.value })}>
          {delimiters.map((d) => (
            <option key={d} value={d}>
              {d === '\t' ? t('treasury.tab') : d}
            </option>
          ))}
        </Select>
        <Select label={t('treasury.encoding')} name="encoding" value={how.encoding} onChange={(e) => setHow({ ...how, encoding: e.target.value })}>
          <option>utf-8</option>
          <option>windows-1252</option>
        </Select>
        <Field label={t('treasury.skip')} name="skip" type="number" min={0} max={100} value={how.skip} onChange={(e) => setHow({ ...how, skip: Number(e.target.value) })} />
        <Field label={t('treasury.dateLayout')} name="dateLayout" latin required maxLength={10} defaultValue={k?.dateLayout ?? 'YYYY-MM-DD'} help={t('treasury.dateLayoutHelp')} />
        <Select label={t('treasury.decimal')} name="decimal" defaultValue={k?.decimal ?? '.'}>
          <option>.</option>
          <option>,</option>
        </Select>
        {columns.map((c) => (
          <Select key={`${c}${names.join()}`} label={t(`csvColumn.${c}`)} name={`column-${c}`} required={c === 'booked'} defaultValue={names.includes(chosen(c)) ? chosen(c) : ''}>
            <option value="">–</option>
            {names.map((n, i) => (
              <option key={i} value={n}>
                {n}
              </option>
            ))}
          </Select>
        ))}
        <Field label={t('treasury.sideIn')} name="sideIn" defaultValue={k?.sideIn?.join(', ')} help={t('treasury.sideHelp')} />
        <Field label={t('treasury.sideOut')} name="sideOut" defaultValue={k?.sideOut?.join(', ')} />
      </div>
    </details>
  );
}

export function mappingOf(d: FormData): CsvMapping {
  const m: CsvMapping = { delimiter: String(d.get('delimiter') ?? ','), encoding: text(d, 'encoding'), skip: Number(text(d, 'skip') || 0), dateLayout: text(d, 'dateLayout'), decimal: text(d, 'decimal') };
  for (const c of columns) {
    const name = String(d.get(`column-${c}`) ?? '');
    if (!name) continue;
    if (c === 'remittance') m.remittance = [name];
    else m[c] = name;
  }
  const list = (name: string) => text(d, name).split(',').map((w) => w.trim()).filter(Boolean);
  if (m.side) [m.sideIn, m.sideOut] = [list('sideIn'), list('sideOut')];
  return m;
}
