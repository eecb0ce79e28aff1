import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Outcome } from '@/api/money/useMove';
import { decision } from '@/api/money/rules';
import { Problem } from '@/api/problem';
import { Notice } from '@/ui/Badge';
import { useSentence } from '@/ui/useSentence';

/** Said is what became of something that moves money: never more than the node said. */
export function Said({ outcome, id, done }: { outcome: Outcome; id: string; done: ReactNode }) {
  const { t } = useTranslation();
  if (outcome.is === 'done') return <Notice tone="good">{done}</Notice>;
  if (outcome.is === 'waits')
    return (
      <Notice tone="warn" hint={t('money.waitsHint')}>
        {t('money.waits')}
      </Notice>
    );
  if (outcome.is === 'review') return <UnderReview id={id} />;
  return <Refused id={id} error={outcome.error} />;
}

/** UnderReview says why a person decides, in the reader's language. */
export function UnderReview({ id }: { id: string }) {
  const { t } = useTranslation();
  const why = useQuery(decision(id)).data;
  return (
    <Notice tone="warn" hint={why?.text && <bdi>{why.text}</bdi>}>
      {t('money.review')}
    </Notice>
  );
}

/** Refused says why: where a rule did, in its own words in the reader's language. */
export function Refused({ id, error }: { id: string; error: unknown }) {
  const { t } = useTranslation();
  const sentence = useSentence();
  const ruled = error instanceof Problem && error.facts.some((f) => f.name === 'rule');
  const why = useQuery({ ...decision(id), enabled: ruled }).data;
  const { text, hint } = sentence(error);
  if (why?.text)
    return (
      <Notice tone="bad" hint={<Rule rule={why.rule} set={why.setName} version={why.setVersion} />}>
        <bdi>{why.text}</bdi>
      </Notice>
    );
  return (
    <Notice tone="bad" hint={hint}>
      {ruled ? `${t('money.ruled')} ${text}` : text}
    </Notice>
  );
}

/** Which rule of which set it was, for whoever wants to look it up. */
export function Rule({ rule, set, version }: { rule?: string; set?: string; version?: number }) {
  const { t } = useTranslation();
  return <>{t('money.rule', { rule, set: `${set}/${version}` })}</>;
}
