import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { ProvenRecord, Signature } from '@/api/audit';
import { bytesOf, includes } from '@/api/merkle';
import { useFormats } from '@/i18n/format';
import { Notice, type Tone } from '@/ui/Badge';
import { Facts } from '@/ui/Card';

const tones: Record<string, Tone> = { proven: 'good', waiting: 'none', refuted: 'bad' };

/** ProofOf shows what the node says of a record, and whether this browser comes to the same. */
export function ProofOf({ proven: p }: { proven: ProvenRecord }) {
  const { t } = useTranslation();
  const f = useFormats();
  const here = useQuery({ queryKey: ['merkle', p.record?.journal, p.record?.position, p.checkpoint?.size], queryFn: () => compute(p), enabled: p.state === 'proven' }).data;
  const state = p.state ?? 'unproven';
  const c = p.checkpoint;
  return (
    <div className="space-y-3">
      <Notice tone={tones[state] ?? 'warn'} hint={state === 'refuted' ? t('audit.brokenHint') : state === 'waiting' ? t('auditProof.waitingHint') : undefined}>
        {t(`auditProof.${state}`)}
      </Notice>
      {here !== undefined && here !== 'unknown' && <Notice tone={here === 'same' ? 'good' : 'bad'}>{t(here === 'same' ? 'auditProof.here' : 'auditProof.hereNot')}</Notice>}
      {c && (
        <Facts
          rows={[
            [t('auditProof.size'), f.count(c.size)],
            [t('auditProof.root'), <bdi className="latin font-mono text-xs break-all">{c.root}</bdi>],
            [t('auditProof.signed'), <Signers list={c.signed} />],
            [t('auditProof.cosigned'), <Signers list={c.cosigned} />],
          ]}
        />
      )}
      {c?.note && (
        <details className="text-sm">
          <summary className="inline-block min-h-8 py-1 font-medium text-accent">{t('auditProof.note')}</summary>
          <pre dir="ltr" tabIndex={0} className="max-h-64 overflow-auto rounded-lg bg-raised p-3 text-xs">
            {c.note}
          </pre>
        </details>
      )}
    </div>
  );
}

function Signers({ list = [] }: { list?: Signature[] }) {
  const { t } = useTranslation();
  const f = useFormats();
  if (list.length === 0) return <span>{t('auditProof.nobody')}</span>;
  return (
    <ul>
      {list.map((s) => (
        <li key={s.node}>
          <bdi className="font-mono text-xs">{(s.node ?? '').slice(0, 12)}</bdi> {s.time && <span className="text-xs text-soft">{f.moment(s.time)}</span>}
        </li>
      ))}
    </ul>
  );
}

async function compute(p: ProvenRecord): Promise<'same' | 'other' | 'unknown'> {
  const number = (p.record?.position ?? '').split('/')[1] ?? '0';
  const found = await includes(bytesOf(p.leaf ?? ''), BigInt(number) - 1n, BigInt(p.checkpoint?.size ?? '0'), (p.proof ?? []).map(bytesOf), bytesOf(p.checkpoint?.root ?? ''));
  return found === undefined ? 'unknown' : found ? 'same' : 'other';
}
