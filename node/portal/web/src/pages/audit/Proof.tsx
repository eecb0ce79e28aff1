import { useQuery } from '@tanstack/react-query';
import { Download, ShieldCheck } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type AuditState, type AuditTree, type Verification, auditState } from '@/api/audit';
import { follow } from '@/api/http';
import { useFormats } from '@/i18n/format';
import { Notice, toneOf } from '@/ui/Badge';
import { Button, linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Own } from '@/ui/Own';
import { useAttempt } from '@/ui/useAttempt';

/** Whether the record is whole is proven, not promised: everything can be computed anew, here or by an auditor elsewhere. */
export function Proof() {
  const { t } = useTranslation();
  const attempt = useAttempt();
  const state = useQuery(auditState).data;
  const [runs, setRuns] = useState<Record<string, Verification>>();
  const [busy, setBusy] = useState(false);
  const verify = async () => {
    setBusy(true);
    setRuns({});
    await attempt(() => follow<Verification>('GET', '/v1/audit/verify', (v) => setRuns((all) => ({ ...all, [v.journal ?? '']: v }))));
    setBusy(false);
  };
  if (!state) return null;
  return (
    <Card title={t('audit.proofTitle')}>
      <Standing state={state} />
      {runs && Object.values(runs).map((v) => <Run key={v.journal} run={v} />)}
      <div className="mt-3 flex flex-wrap justify-end gap-2">
        <a className={linkLooks()} href="/v1/audit/export?proofs=true" download="audit.ndjson">
          <Download size={16} aria-hidden />
          {t('audit.export')}
        </a>
        <Button busy={busy} onClick={() => void verify()}>
          <ShieldCheck size={16} aria-hidden />
          {t('audit.verify')}
        </Button>
      </div>
      <p className="mt-2 text-xs text-soft">{t('audit.exportHelp')}</p>
    </Card>
  );
}

/** Only the newest tree of each journal grows; those of before are closed. */
function newest(trees: AuditTree[]): AuditTree[] {
  return [...new Map(trees.map((x) => [x.journal, x])).values()];
}

function Standing({ state }: { state: AuditState }) {
  const { t } = useTranslation();
  const f = useFormats();
  const trees = newest(state.trees ?? []);
  const signed = trees.reduce((n, x) => n + BigInt(x.signed ?? '0'), 0n);
  const behind = trees.reduce((n, x) => n + BigInt(x.size ?? '0') - BigInt(x.signed ?? '0') + BigInt(x.behind ?? '0'), 0n);
  const witnesses = new Set(trees.flatMap((x) => (x.checkpoint?.cosigned ?? []).map((s) => s.node))).size;
  if (state.level !== 'ok')
    return (
      <Notice tone={toneOf(state.level)} hint={<Own text={state.hint} />}>
        {state.text ? <Own text={state.text} /> : t('audit.broken')}
      </Notice>
    );
  if (signed === 0n) return <Notice tone="none">{t('audit.unsigned')}</Notice>;
  const more = [witnesses ? t('audit.cosigned', { count: witnesses }) : t('audit.noCosigner'), ...(behind > 0n ? [t('audit.behind', { count: Number(behind) })] : [])];
  return (
    <Notice tone="good" hint={more.join(' ')}>
      {t('audit.signed', { size: f.count(String(signed)) })}
    </Notice>
  );
}

function Run({ run: v }: { run: Verification }) {
  const { t } = useTranslation();
  const f = useFormats();
  const name = t(v.journal === 'site.ledger' ? 'audit.siteJournal' : 'audit.ownJournal');
  if (!v.done)
    return (
      <p role="status" className="mt-2 text-sm">
        {t('audit.checking', { name, checked: f.count(v.checked), of: f.count(v.of) })}
        <progress className="mt-1 block h-2 w-full accent-[var(--accent)]" max={1} value={Number(v.checked ?? 0) / Math.max(1, Number(v.of ?? 0))} aria-label={name} />
      </p>
    );
  return (
    <div className="mt-2">
      {v.holds ? (
        <Notice tone="good">{t('audit.holds', { name, size: f.count(v.checked) })}</Notice>
      ) : (
        <Notice tone="bad" hint={<><span className="block"><Own text={v.problems?.[0]} /></span>{t('audit.brokenHint')}</>}>
          {t('audit.brokenIn', { name })}
        </Notice>
      )}
    </div>
  );
}
