import { type ChangeEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Field } from '@/ui/Field';

const largest = 64 << 20; // bytes: more than a scanned paper has, and little enough for a phone's memory

/** digest is the SHA-256 of a file in hexadecimal digits, reckoned here: the file itself goes nowhere. */
export async function digest(file: Blob): Promise<string> {
  const sum = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, '0')).join('');
}

interface Props {
  label: string;
  help?: string;
  onDigest: (hex: string) => void;
}

/** A DocumentField asks for the paper something stands on, and keeps its fingerprint. Browsers without TLS cannot reckon one. */
export function DocumentField({ label, help, onDigest }: Props) {
  const { t } = useTranslation();
  const [hex, setHex] = useState('');
  const [error, setError] = useState<string>();
  const tell = (to: string) => {
    setHex(to);
    onDigest(to);
  };
  const take = async (e: ChangeEvent<HTMLInputElement>) => {
    const file = e.target.files?.[0];
    setError(undefined);
    tell('');
    if (!file) return;
    if (file.size > largest) return setError(t('treasury.documentLarge'));
    try {
      tell(await digest(file));
    } catch {
      setError(t('treasury.documentUnread'));
    }
  };
  if (!globalThis.crypto?.subtle) {
    return <Field label={label} help={t('treasury.documentByHand')} latin required pattern="[0-9a-f]{64}" maxLength={64} onChange={(e) => onDigest(e.target.value.trim())} />;
  }
  return (
    <div>
      <Field label={label} help={help ?? t('treasury.documentHelp')} error={error} type="file" required onChange={(e) => void take(e)} />
      {hex && <Fingerprint hex={hex} />}
    </div>
  );
}

export function Fingerprint({ hex }: { hex: string }) {
  const { t } = useTranslation();
  return (
    <p className="mt-1 text-xs text-soft">
      {t('treasury.fingerprint')} <bdi className="latin font-mono break-all">{hex}</bdi>
    </p>
  );
}

/** Whether somebody's file is the paper that something stands on: who approves should have read that one. */
export function DocumentCheck({ hex }: { hex: string }) {
  const { t } = useTranslation();
  const [same, setSame] = useState<boolean>();
  return (
    <details className="text-sm">
      <summary className="inline-block py-1 text-accent">{t('treasury.documentCheck')}</summary>
      <Fingerprint hex={hex} />
      {globalThis.crypto?.subtle && <DocumentField label={t('treasury.documentMine')} help={t('treasury.documentMineHelp')} onDigest={(d) => setSame(d ? d === hex : undefined)} />}
      {same !== undefined && (
        <p role="status" className={`mt-1 font-medium ${same ? 'text-good' : 'text-bad'}`}>
          {t(same ? 'treasury.documentSame' : 'treasury.documentOther')}
        </p>
      )}
    </details>
  );
}
