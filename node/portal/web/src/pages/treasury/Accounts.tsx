import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Account, type AccountKind, accountKinds } from '@/api/money/ledger';
import { Button } from '@/ui/Button';
import { Finder, Select } from '@/ui/Field';
import { AccountDialog } from './AccountDialog';
import { AccountList } from './AccountList';
import { Frame, useTreasury } from './Frame';
import { OpenAccount } from './OpenAccount';
import { useAccountName } from './fields';

/** All accounts of the site: of members, desks, banks, and of the books. */
export default function Accounts() {
  const { t } = useTranslation();
  const { may, away } = useTreasury();
  const name = useAccountName();
  const [kind, setKind] = useState<AccountKind | ''>('');
  const [words, setWords] = useState('');
  const [opening, setOpening] = useState(false);
  const [one, setOne] = useState<Account>();
  const wanted = words.trim().toLocaleLowerCase();
  const add = may('wallet.accounts') && (
    <Button look="main" disabled={away} onClick={() => setOpening(true)}>
      <Plus size={18} aria-hidden />
      {t('treasury.accountNew')}
    </Button>
  );
  const change = (a: Account) =>
    may('wallet.accounts') &&
    a.name && // what has none the ledger opened for itself
    a.state !== 'CLOSED' && (
      <Button look="quiet" className="-me-3 -mb-1 min-h-9!" disabled={away} onClick={() => setOne(a)} aria-label={`${t('common.edit')}: ${name(a)}`}>
        {t('common.edit')}
      </Button>
    );
  return (
    <Frame title={t('treasury.accounts')} lead={t('treasury.accountsLead')} action={add}>
      <div className="grid items-end gap-3 sm:grid-cols-2 lg:max-w-2xl">
        <Finder label={t('treasury.accountFind')} value={words} onChange={setWords} />
        <Select label={t('treasury.accountKind')} value={kind} onChange={(e) => setKind(e.target.value as AccountKind | '')}>
          <option value="">{t('treasury.everyKind')}</option>
          {accountKinds.map((k) => (
            <option key={k} value={k}>
              {t(`accountKind.${k}`)}
            </option>
          ))}
        </Select>
      </div>
      <AccountList filter={kind ? { kind } : {}} shows={(a) => !wanted || name(a).toLocaleLowerCase().includes(wanted) || a.id.includes(wanted)} actions={change} />
      {opening && <OpenAccount onClose={() => setOpening(false)} />}
      {one && <AccountDialog account={one} onClose={() => setOne(undefined)} />}
    </Frame>
  );
}
