import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dated } from '@/api/funds';
import { connection } from '@/api/connection';
import { reader } from '@/api/http';
import { welcome } from '@/api/node';
import { useStore } from '@/api/store';
import { useFormats } from '@/i18n/format';
import { LanguageChoice } from '@/shell/Preferences';
import { Notice } from '@/ui/Badge';
import { Page } from '@/ui/Page';

/** Open is the frame of a page that anyone may see: whose it is, from when it is, and a choice of language. */
export function Open({ title, lead, action, dated, children }: { title: string; lead?: ReactNode; action?: ReactNode; dated?: Dated<unknown>; children: ReactNode }) {
  const { t } = useTranslation();
  // What anyone may see is kept for nobody in particular, so that it opens without a network whoever was here before.
  useState(() => (reader.user = ''));
  const site = useQuery(welcome).data;
  return (
    <main>
      <div className="border-b border-line bg-card">
        <div className="mx-auto flex max-w-6xl items-center gap-2.5 px-4 py-3 lg:px-8">
          <img src="/icon.svg" alt="" width={28} height={28} className="rounded-lg" />
          <bdi className="min-w-0 truncate font-semibold">{site?.siteName || site?.site || t('fund.here')}</bdi>
        </div>
      </div>
      <Page title={title} lead={lead} action={action}>
        <AsOf dated={dated} />
        {children}
        <footer className="flex flex-wrap items-end justify-between gap-4 border-t border-line pt-4 text-xs text-soft">
          <p className="max-w-prose">{t('fund.nobody')}</p>
          <div className="w-full max-w-60">
            <LanguageChoice />
          </div>
        </footer>
      </Page>
    </main>
  );
}

/** AsOf says from when the sums are; plainly, where they are not of now. */
export function AsOf({ dated }: { dated?: Dated<unknown> }) {
  const { t } = useTranslation();
  const f = useFormats();
  const { reachable } = useStore(connection);
  if (!dated) return null;
  if (reachable) return <p className="figures -mt-2 text-xs text-soft">{t('fund.asOf', { time: f.moment(dated.at) })}</p>;
  return <Notice tone="warn">{t('fund.old', { time: f.moment(dated.at) })}</Notice>;
}
