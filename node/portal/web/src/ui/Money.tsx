import { useQuery } from '@tanstack/react-query';
import { type InputHTMLAttributes, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Asset, assets } from '@/api/money/ledger';
import { type Fault, parseMoney, useMoney } from '@/i18n/money';
import { Field } from './Field';

/** useScale knows how many decimals a currency has; undefined while the node has not said. */
export function useScale() {
  const all = useQuery(assets).data?.assets;
  return (code: string | undefined): number | undefined => {
    if (!all || !code) return undefined;
    const found = all.find((a) => a.code === code);
    return found && (found.scale ?? 0);
  };
}

/** useAssetName calls a currency by its name in the reader's language, or by the one the site gave it. */
export function useAssetName() {
  const m = useMoney();
  const all = useQuery(assets).data?.assets;
  return (code: string): string => {
    const own: Asset | undefined = all?.find((a) => a.code === code);
    return own && !own.iso ? own.name || code : m.name(code);
  };
}

interface Props {
  minor: string | undefined;
  asset: string | undefined;
  /** Where the page knows it: of public pages, and where several currencies stand beside each other. */
  scale?: number;
  /** What came in gets a plus. */
  plus?: boolean;
  className?: string;
}

/** Money is an amount of minor units, isolated and left to right in every language. Without its decimals it is not shown at all. */
export function Money({ minor, asset = '', scale, plus, className = '' }: Props) {
  const m = useMoney();
  const known = useScale()(asset);
  const decimals = scale ?? known;
  if (decimals === undefined) return <span className={`latin figures ${className}`}>… {asset}</span>;
  const { sign, digits } = m.parts(minor, decimals, asset, plus);
  return (
    <span className={`latin figures whitespace-nowrap ${className}`}>
      {sign}
      {digits} <span className="text-[0.8em] font-normal">{asset}</span>
    </span>
  );
}

/** useMoneyText is an amount as text, for sentences, titles and lists of what waits. */
export function useMoneyText() {
  const m = useMoney();
  const scale = useScale();
  return (minor: string | undefined, asset = ''): string => {
    const decimals = scale(asset);
    return decimals === undefined ? `… ${asset}` : m.text(minor, decimals, asset);
  };
}

type Shown = Omit<InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange'> & {
  label: string;
  asset: string;
  /** What was typed, as it was typed. */
  value: string;
  onChange: (typed: string) => void;
  /** It may be left empty. */
  optional?: boolean;
  help?: string;
  /** What is wrong with an amount that was understood. */
  error?: string;
};

/** useAmount keeps what somebody types and knows what it comes to: minor is undefined while it is no amount. */
export function useAmount(asset: string, begin = '') {
  const [typed, setTyped] = useState(begin);
  const scale = useScale()(asset);
  const parsed = scale === undefined ? undefined : parseMoney(typed, scale, asset);
  const minor = parsed && 'minor' in parsed ? parsed.minor : undefined;
  return { typed, setTyped, minor, fault: parsed && 'fault' in parsed ? parsed.fault : undefined };
}

/** A MoneyField takes an amount as people write it, and says below what it understood. */
export function MoneyField({ label, asset, value, onChange, optional, help, error, ...rest }: Shown) {
  const { t } = useTranslation();
  const m = useMoney();
  const scale = useScale()(asset);
  const [left, setLeft] = useState(false);
  const parsed = scale === undefined ? undefined : parseMoney(value, scale, asset);
  const fault = parsed && 'fault' in parsed ? parsed.fault : undefined;
  const shown = fault && !(fault === 'empty' && (optional || !left)) && (left || fault !== 'form') ? said(fault) : undefined;
  const understood = parsed && 'minor' in parsed && scale !== undefined ? `\u2066= ${m.text(parsed.minor, scale, asset)}\u2069` : help;
  function said(f: Fault): string {
    if (f === 'decimals') return scale ? t('money.faultDecimals', { count: scale, asset }) : t('money.faultWhole', { asset });
    return t(({ empty: 'money.faultEmpty', form: 'money.faultForm', large: 'money.faultLarge', zero: 'money.faultZero', ambiguous: 'money.faultAmbiguous' } as const)[f]);
  }
  return (
    <Field
      label={`${label} (${asset})`}
      dir="ltr"
      inputMode="decimal"
      autoComplete="off"
      enterKeyHint="done"
      value={value}
      required={!optional}
      className="figures text-end"
      help={understood}
      error={shown ?? error}
      onChange={(e) => onChange(e.target.value)}
      onBlur={() => setLeft(true)}
      {...rest}
    />
  );
}
