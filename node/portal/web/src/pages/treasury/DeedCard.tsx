import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Deed, deed } from '@/api/funds';
import { command } from '@/api/http';
import { Problem } from '@/api/problem';
import { useFormats } from '@/i18n/format';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Failure, Skeleton } from '@/ui/States';
import { DocumentCheck, DocumentField } from './DocumentField';
import { useDone, useTreasury } from './Frame';
import { ReasonField } from './fields';
import { words } from './times';

/** The deed of an endowment: what its yield may be spent on. Without one nothing of it may be spent. */
export function DeedCard({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery(deed(id));
  const { may, away } = useTreasury();
  const [writing, setWriting] = useState(false);
  const none = query.error instanceof Problem && query.error.status === 404;
  return (
    <Card title={t('treasury.deed')}>
      {query.isPending && <Skeleton />}
      {query.error && !none && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Shown deed={query.data} />}
      {none && (
        <div className="space-y-3">
          <Notice tone="warn">{t('treasury.deedNone')}</Notice>
          {may('wallet.accounts') && (
            <Button disabled={away} onClick={() => setWriting(true)}>
              {t('treasury.deedWrite')}
            </Button>
          )}
        </div>
      )}
      {writing && <DeedDialog id={id} onClose={() => setWriting(false)} />}
    </Card>
  );
}

function Shown({ deed: d }: { deed: Deed }) {
  const { t } = useTranslation();
  const f = useFormats();
  return (
    <div className="space-y-2 text-sm">
      <p>
        {t('treasury.only')}{' '}
        {d.purposes?.map((p) => (
          <bdi key={p} className="latin me-1.5 inline-block font-mono text-xs">
            {p}
          </bdi>
        ))}
      </p>
      {d.conditions && (
        <blockquote className="border-s-2 border-line ps-3 whitespace-pre-line text-soft">
          <bdi>{d.conditions}</bdi>
        </blockquote>
      )}
      <p className="text-xs text-soft">{t('treasury.deedWritten', { time: f.moment(d.written) })}</p>
      {d.document && <DocumentCheck hex={d.document} />}
    </div>
  );
}

function DeedDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const [document, setDocument] = useState('');
  const put = async (d: FormData) => {
    await command('POST', '/v1/wallet/deeds', { id, purposes: words(text(d, 'purposes')), conditions: text(d, 'conditions'), document });
    done(t('treasury.deedSaved'));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={t('treasury.deedWrite')}>
      <Form submit={t('treasury.deedWrite')} onSubmit={put} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
        <Notice tone="warn">{t('treasury.deedForGood')}</Notice>
        <Field label={t('treasury.deedPurposes')} name="purposes" latin required help={t('treasury.allowedHelp')} />
        <ReasonField label={t('treasury.deedConditions')} name="conditions" max={4000} optional />
        <DocumentField label={t('treasury.document')} onDigest={setDocument} />
      </Form>
    </Dialog>
  );
}
