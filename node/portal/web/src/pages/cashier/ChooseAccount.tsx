import { QrCode, UserRound } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isId } from '@/api/money/id';
import type { Account } from '@/api/money/ledger';
import { useNames } from '@/pages/people/names';
import { numberIn } from '@/pages/wallet/AccountNumber';
import { accountName } from '@/pages/wallet/FromAccount';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Finder } from '@/ui/Field';
import { Scan, canScan } from '@/ui/Scan';
import { Loaded } from '@/ui/States';
import { useAccounts } from './useDesk';

const mostShown = 40;

interface Props {
  label: string;
  value: string;
  onChange: (id: string) => void;
  /** Which accounts may be chosen. */
  of: (a: Account) => boolean;
}

/** ChooseAccount finds an account by its name, its owner, its number, or the code the owner shows. */
export function ChooseAccount({ label, value, onChange, of }: Props) {
  const { t } = useTranslation();
  const { all } = useAccounts();
  const names = useNames();
  const [open, setOpen] = useState(false);
  const chosen = all.find((a) => a.id === value);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)} className="flex min-h-14 w-full items-center gap-3 rounded-xl border border-line bg-card px-4 py-2 text-start hover:border-accent">
        <UserRound size={20} aria-hidden className="shrink-0 text-soft" />
        <span className="min-w-0 grow">
          <span className="block text-xs text-soft">{label}</span>
          <bdi className="block truncate font-medium">{chosen ? whose(chosen, names.name) : t('cashier.choose')}</bdi>
        </span>
        {chosen && <span className="latin shrink-0 font-mono text-xs text-soft">…{chosen.id.slice(-6)}</span>}
      </button>
      {open && (
        <Sheet
          label={label}
          of={of}
          onClose={() => setOpen(false)}
          onChoose={(id) => {
            onChange(id);
            setOpen(false);
          }}
        />
      )}
    </>
  );
}

/** whose is an account as it is called across a counter: its owner first, then its name. */
export function whose(a: Account, name: (id: string | undefined) => string): string {
  const owner = a.owner ? name(a.owner) : '';
  const known = owner && owner !== a.owner ? owner : '';
  return [known, accountName(a)].filter(Boolean).join(' · ');
}

function Sheet({ label, of, onClose, onChoose }: { label: string; of: Props['of']; onClose: () => void; onChoose: (id: string) => void }) {
  const { t } = useTranslation();
  const { query, all } = useAccounts();
  const names = useNames();
  const [words, setWords] = useState('');
  const [scanning, setScanning] = useState(false);
  const [unknown, setUnknown] = useState(false);
  const wanted = words.trim().toLocaleLowerCase();
  const number = numberIn(words);
  const found = all.filter((a) => of(a) && a.state !== 'CLOSED' && (!wanted || a.id.endsWith(wanted) || a.id === number || a.owner === number || whose(a, names.name).toLocaleLowerCase().includes(wanted)));
  const take = (text: string) => {
    const id = numberIn(text);
    if (!isId(id)) return;
    // A card may hold the number of the person and not of the account: with one account it is clear which.
    const here = all.filter((a) => of(a) && (a.id === id || a.owner === id));
    setUnknown(here.length === 0);
    if (here.length === 1) onChoose(here[0]!.id);
    else if (here.length > 1) setWords(id);
  };
  return (
    <Dialog open onClose={onClose} title={label}>
      <div className="space-y-3">
        {scanning && <Scan onText={take} />}
        <div className="flex gap-2">
          <div className="grow">
            <Finder label={t('cashier.find')} value={words} onChange={setWords} />
          </div>
          {canScan() && (
            <Button aria-label={t('wallet.scan')} aria-pressed={scanning} onClick={() => setScanning(!scanning)}>
              <QrCode size={18} aria-hidden />
            </Button>
          )}
        </div>
        {unknown && (
          <p role="alert" className="text-sm text-bad">
            {t('cashier.notHere')}
          </p>
        )}
        <Loaded query={query}>
          {() => (
            <ul className="-mx-2 max-h-[50dvh] divide-y divide-line overflow-y-auto">
              {found.length === 0 && <li className="px-2 py-3 text-sm text-soft">{t('cashier.noneFound')}</li>}
              {found.slice(0, mostShown).map((a) => (
                <li key={a.id}>
                  <button type="button" onClick={() => onChoose(a.id)} className="flex min-h-12 w-full items-center justify-between gap-3 px-2 py-1.5 text-start hover:bg-raised">
                    <bdi className="min-w-0 truncate text-sm">{whose(a, names.name)}</bdi>
                    <span className="latin shrink-0 font-mono text-xs text-soft">
                      {a.asset} …{a.id.slice(-6)}
                    </span>
                  </button>
                </li>
              ))}
              {found.length > mostShown && <li className="px-2 py-3 text-xs text-soft">{t('cashier.moreFound')}</li>}
            </ul>
          )}
        </Loaded>
      </div>
    </Dialog>
  );
}
