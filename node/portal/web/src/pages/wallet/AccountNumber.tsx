import { QrCode } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isId } from '@/api/money/id';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Scan, canScan } from '@/ui/Scan';

/** numberIn finds the number of an account in what was typed, pasted or read by a camera. */
export function numberIn(text: string): string {
  const plain = text.trim().replace(/^aielon:/i, '');
  const close = plain.replace(/[\s·-]/g, '');
  return isId(plain) ? plain.toLowerCase() : close.length === 26 && isId(close) ? close.toLowerCase() : plain;
}

/** AccountNumber takes the number of an account: typed, pasted, or from the code its owner shows. */
export function AccountNumber({ label, value, onChange, error }: { label: string; value: string; onChange: (id: string) => void; error?: string }) {
  const { t } = useTranslation();
  const [scanning, setScanning] = useState(false);
  const [left, setLeft] = useState(false);
  const take = (text: string) => {
    const id = numberIn(text);
    if (!isId(id)) return;
    onChange(id);
    setScanning(false);
  };
  return (
    <div className="space-y-2">
      {scanning && <Scan onText={take} />}
      <Field
        label={label}
        latin
        required
        maxLength={64}
        value={value}
        onChange={(e) => onChange(numberIn(e.target.value))}
        onBlur={() => setLeft(true)}
        help={t('wallet.numberHelp')}
        error={error ?? (left && value && !isId(value) ? t('wallet.noNumber') : undefined)}
      />
      {canScan() && (
        <Button onClick={() => setScanning(!scanning)}>
          <QrCode size={16} aria-hidden />
          {scanning ? t('wallet.scanOff') : t('wallet.scan')}
        </Button>
      )}
    </div>
  );
}
