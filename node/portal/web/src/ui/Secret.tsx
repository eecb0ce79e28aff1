import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { encode } from 'uqr';
import { Button } from './Button';

/** A Secret is shown once, to be copied or read by a camera. It is kept nowhere in this browser. */
export function Secret({ label, value, qr = true }: { label: string; value: string; qr?: boolean }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <div className="space-y-3">
      <p className="text-sm font-medium">{label}</p>
      <div className="flex items-center gap-2 rounded-lg bg-raised p-2 ps-3">
        <code className="latin min-w-0 grow text-sm break-all select-all">{value}</code>
        {navigator.clipboard && (
          <Button onClick={() => void copy()} aria-live="polite">
            {copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
            {copied ? t('common.copied') : t('common.copy')}
          </Button>
        )}
      </div>
      {qr && <Qr value={value} label={label} />}
    </div>
  );
}

/** Qr is always dark on white: cameras do not read the other way round. */
export function Qr({ value, label, size = 176 }: { value: string; label: string; size?: number }) {
  const { data, size: n } = encode(value, { border: 2 });
  const path = data.flatMap((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${n} ${n}`} width={size} height={size} className="rounded-lg bg-white" shapeRendering="crispEdges">
      <path d={path} fill="#000" />
    </svg>
  );
}
