import { useNavigate } from '@tanstack/react-router';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import type { AuditFilter } from '@/api/audit';
import { useNames } from '@/pages/people/names';
import { Button } from '@/ui/Button';
import { Check, Field, Select } from '@/ui/Field';
import { text } from '@/ui/Form';
import { useCode } from '@/ui/useCode';

/** The parts of a site that leave records: the first half of every operation. */
const services = ['devices', 'identity', 'node', 'policy', 'oauth', 'webhooks', 'audit', 'search'];

export function Filter({ filter }: { filter: AuditFilter }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const names = useNames();
  const list = useId();
  const code = useCode();
  const send = (form: HTMLFormElement) => {
    const d = new FormData(form);
    const word = (name: keyof AuditFilter) => text(d, name) || undefined;
    const who = (name: 'actor' | 'about') => (text(d, name) ? names.id(text(d, name)) : undefined);
    void go({ to: '/audit', search: { actor: who('actor'), op: word('op'), kind: word('kind'), about: who('about'), from: word('from'), to: word('to'), refused: d.get('refused') ? 'yes' : undefined, request: filter.request } });
  };
  return (
    // Closed until somebody looks for something: the records are what the page is about.
    <details open={Object.values(filter).some(Boolean)} className="rounded-xl border border-line bg-card text-sm">
      <summary className="flex min-h-11 items-center px-4 font-medium text-accent">{t('audit.filter')}</summary>
      <form
        // The names may come after the page: a field that shows one is made anew then.
        key={JSON.stringify(filter) + names.list.length}
        className="grid items-end gap-3 px-4 pb-4 sm:grid-cols-2 lg:grid-cols-4"
        onSubmit={(e) => {
          e.preventDefault();
          send(e.currentTarget);
        }}
      >
        <Field label={t('audit.actor')} name="actor" list={`${list}-names`} defaultValue={names.name(filter.actor)} autoComplete="off" maxLength={128} />
        <Field label={t('audit.about')} name="about" list={`${list}-names`} defaultValue={names.name(filter.about)} autoComplete="off" maxLength={192} />
        <Field label={t('audit.action')} name="op" latin list={`${list}-ops`} defaultValue={filter.op} autoComplete="off" maxLength={128} />
        <Select label={t('audit.kind')} name="kind" defaultValue={filter.kind}>
          <option value="">{t('audit.all')}</option>
          <option value="change">{t('auditKind.change')}</option>
          <option value="access">{t('auditKind.access')}</option>
          <option value="decision">{t('auditKind.decision')}</option>
        </Select>
        <Field label={t('audit.from')} name="from" type="date" defaultValue={filter.from} />
        <Field label={t('audit.to')} name="to" type="date" defaultValue={filter.to} />
        <Check label={t('audit.refusedOnly')} name="refused" defaultChecked={filter.refused === 'yes'} />
        <div className="flex flex-wrap justify-end gap-2">
          {Object.values(filter).some(Boolean) && <Button onClick={() => void go({ to: '/audit', search: {} })}>{t('audit.clear')}</Button>}
          <Button type="submit" look="main">
            {t('audit.filter')}
          </Button>
        </div>
        <datalist id={`${list}-names`}>
          {names.list.map((n) => (
            <option key={n.id} value={n.name} />
          ))}
        </datalist>
        <datalist id={`${list}-ops`}>
          {services.map((s) => (
            <option key={s} value={s} label={code('thing', s)} />
          ))}
        </datalist>
      </form>
    </details>
  );
}
