import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { type ZakatCase, zakatCase } from '@/api/zakat';
import { useFormats } from '@/i18n/format';
import { Badge } from '@/ui/Badge';
import { linkLooks } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Money } from '@/ui/Money';
import { Loaded } from '@/ui/States';
import { useNames } from '../people/names';
import { CaseSteps } from './CaseSteps';
import { Frame } from './Frame';
import { Who } from './Who';
import { tones } from './Zakat';

/** One application for zakat: what was asked, found, decided and paid, and what comes next. */
export default function Case({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery(zakatCase(id));
  const { name } = useNames();
  const action = (
    <Link to="/treasury/zakat" className={linkLooks()}>
      {t('treasury.allCases')}
    </Link>
  );
  return (
    <Frame title={t('treasury.caseOf', { name: short(name(query.data?.person)) })} action={action}>
      <Loaded query={query} lines={8}>
        {(c) => (
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <Asked c={c} />
            <div className="space-y-4">
              <Found c={c} />
              <CaseSteps c={c} />
              <Paid c={c} />
            </div>
          </div>
        )}
      </Loaded>
    </Frame>
  );
}

/** A number that stands in for a name is cut short. */
const short = (name: string) => (/^[0-9a-z]{26}$/.test(name) ? `\u2066…${name.slice(-6)}\u2069` : name);

const Words = ({ text }: { text?: string }) =>
  text ? (
    <blockquote className="mt-2 border-s-2 border-line ps-3 text-sm whitespace-pre-line">
      <bdi>{text}</bdi>
    </blockquote>
  ) : null;

function Asked({ c }: { c: ZakatCase }) {
  const { t } = useTranslation();
  const f = useFormats();
  const state = c.state ?? 'CASE_APPLIED';
  return (
    <Card title={t('treasury.asked')} action={<Badge tone={tones[state]}>{t(`caseState.${state}`)}</Badge>}>
      <Money minor={c.need} asset={c.asset} className="text-2xl font-semibold" />
      <Facts
        rows={[
          [t('treasury.household'), f.count(c.household)],
          [t('treasury.when'), f.moment(c.applied)],
          ...(c.appliedBy && c.appliedBy !== c.person ? ([[t('treasury.appliedBy'), <Who id={c.appliedBy} />]] as [ReactNode, ReactNode][]) : []),
        ]}
      />
      <Words text={c.reason} />
    </Card>
  );
}

/** What whoever looked into it found, and what was decided. */
function Found({ c }: { c: ZakatCase }) {
  const { t } = useTranslation();
  const f = useFormats();
  if (!c.assessedBy) return null;
  const rows: [ReactNode, ReactNode][] = [
    [t('treasury.category'), t(`asnaf.${(c.category ?? 'faqir') as 'faqir'}`)],
    [t('treasury.recommended'), <Money minor={c.recommended} asset={c.asset} />],
    [t('treasury.assessedBy'), <><Who id={c.assessedBy} /> · {f.moment(c.assessed)}</>],
  ];
  if (c.building) rows.push([t('treasury.building'), t('common.on')]);
  return (
    <>
      <Card title={t('treasury.found')}>
        <Facts rows={rows} />
        <Words text={c.notes} />
      </Card>
      {c.decidedBy && (
        <Card title={t('treasury.decision')}>
          <Facts
            rows={[
              [t(c.state === 'CASE_DECLINED' ? 'treasury.declined' : 'treasury.granted'), c.state === 'CASE_DECLINED' ? '–' : <Money minor={c.approved} asset={c.asset} />],
              [t('treasury.decidedBy'), <><Who id={c.decidedBy} /> · {f.moment(c.decided)}</>],
            ]}
          />
          <Words text={c.decision} />
        </Card>
      )}
    </>
  );
}

function Paid({ c }: { c: ZakatCase }) {
  const { t } = useTranslation();
  const f = useFormats();
  if (!c.grants?.length) return null;
  return (
    <Card title={t('treasury.paid')}>
      <Facts rows={c.grants.map((g) => [<>{f.moment(g.time)} · <Who id={g.by} /></>, <Money minor={g.amount} asset={c.asset} />])} />
    </Card>
  );
}
