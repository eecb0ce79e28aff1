import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from '@/api/connection';
import { encodeQr } from '@/api/money/invoices';
import { useStore } from '@/api/store';
import { useNames } from '@/pages/people/names';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Field, Select } from '@/ui/Field';
import { Money, MoneyField, useAmount } from '@/ui/Money';
import { Qr } from '@/ui/Secret';
import { useAttempt } from '@/ui/useAttempt';
import { useCode } from '@/ui/useCode';
import { ChooseAccount, whose } from './ChooseAccount';
import { Invoices } from './Invoices';
import { type Merchant, categories, keepCode, keepMerchant, keptCodes, merchant, printable } from './merchant';
import { useAccounts } from './useDesk';

const lastPayee = 'payee';

/** Codes others pay by: one that stands on the counter, one for an amount, and invoices. */
export default function Codes() {
  const { t } = useTranslation();
  const { all } = useAccounts();
  const [to, setTo] = useState(localStorage.getItem(lastPayee) ?? '');
  const [who, setWho] = useState<Merchant>(merchant);
  const account = all.find((a) => a.id === to);
  const ready = printable(who.name, 25) && printable(who.city, 15) && /^[A-Z]{2}$/.test(who.country) && /^\d{4}$/.test(who.mcc);
  const choose = (id: string) => {
    localStorage.setItem(lastPayee, id);
    setTo(id);
  };
  const change = (m: Merchant) => {
    keepMerchant(m);
    setWho(m);
  };
  return (
    <>
      <ChooseAccount label={t('cashier.payee')} value={to} onChange={choose} of={(a) => a.kind === 'MEMBER' || a.kind === 'INCOME'} />
      <Details value={who} onChange={change} open={!ready} />
      {account && ready && <Shown key={`${to}/${JSON.stringify(who)}`} account={to} asset={account.asset ?? ''} who={who} />}
      {account && <Invoices payee={account} who={ready ? who : undefined} />}
    </>
  );
}

function Details({ value: m, onChange, open }: { value: Merchant; onChange: (m: Merchant) => void; open: boolean }) {
  const { t } = useTranslation();
  const code = useCode();
  const set = (part: Partial<Merchant>) => onChange({ ...m, ...part });
  const latin = (s: string, most: number) => (s && !printable(s, most) ? t('cashier.latinOnly', { count: most }) : undefined);
  return (
    <details open={open} className="rounded-xl border border-line bg-card px-4 py-3">
      <summary className="text-sm font-semibold">{t('cashier.onCode')}</summary>
      <div className="mt-3 grid gap-4 sm:grid-cols-2">
        <Field label={t('cashier.merchantName')} maxLength={25} value={m.name} onChange={(e) => set({ name: e.target.value })} error={latin(m.name, 25)} dir="ltr" />
        <Field label={t('cashier.city')} maxLength={15} value={m.city} onChange={(e) => set({ city: e.target.value })} error={latin(m.city, 15)} dir="ltr" />
        <Field label={t('cashier.country')} latin maxLength={2} value={m.country} onChange={(e) => set({ country: e.target.value.toUpperCase() })} help={t('cashier.countryHelp')} />
        <Select label={t('cashier.mcc')} value={m.mcc} onChange={(e) => set({ mcc: e.target.value })}>
          <option value="">{t('cashier.choose')}</option>
          {categories.map((c) => (
            <option key={c} value={c}>
              {code('merchantKind', c)} ({c})
            </option>
          ))}
        </Select>
      </div>
    </details>
  );
}

/** The code itself. That without an amount was kept and is there without the node; one for an amount is made anew. */
function Shown({ account, asset, who }: { account: string; asset: string; who: Merchant }) {
  const { t } = useTranslation();
  const names = useNames();
  const attempt = useAttempt();
  const { all } = useAccounts();
  const { reachable } = useStore(connection);
  const amount = useAmount(asset);
  const [plain, setPlain] = useState(keptCodes()[account] ?? '');
  const [exact, setExact] = useState<{ minor: string; text: string }>();
  useEffect(() => {
    if (!reachable) return;
    // Asked for each time it can be: what stands on it may have changed.
    void encodeQr({ account, ...who }).then(
      ({ text = '' }) => {
        keepCode(account, text);
        setPlain(text);
      },
      () => {},
    );
  }, [account, who, reachable]);
  const make = () => attempt(async () => setExact({ minor: amount.minor!, text: (await encodeQr({ account, ...who, amount: amount.minor! })).text ?? '' }));
  const text = exact && exact.minor === amount.minor ? exact.text : plain;
  const payee = all.find((a) => a.id === account);
  return (
    <Card title={exact && text === exact.text ? t('cashier.codeExact') : t('cashier.codePlain')}>
      {text ? (
        <div className="flex flex-col items-center gap-2 text-center">
          <Qr value={text} label={t('cashier.codePlain')} size={280} />
          <p className="latin font-semibold">{who.name}</p>
          {payee && <bdi className="text-sm text-soft">{whose(payee, names.name)}</bdi>}
          {exact && text === exact.text && <Money minor={exact.minor} asset={asset} className="text-2xl font-semibold" />}
        </div>
      ) : (
        <Notice tone="warn">{t('cashier.noCode')}</Notice>
      )}
      <div className="mt-4 space-y-3">
        <MoneyField optional label={t('wallet.amount')} help={t('cashier.codeHelp')} asset={asset} value={amount.typed} onChange={amount.setTyped} />
        <Button disabled={!reachable || amount.minor === undefined} onClick={() => void make()}>
          {t('cashier.makeCode')}
        </Button>
        {!reachable && <p className="text-sm text-soft">{t('cashier.codeOffline')}</p>}
      </div>
    </Card>
  );
}
