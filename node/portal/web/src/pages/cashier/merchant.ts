/** What stands on the code of a counter: typed once, and the same for every code after. */
export interface Merchant { name: string; city: string; country: string; mcc: string }

const detailsKey = 'merchant';
const codesKey = 'codes';

export function merchant(): Merchant {
  const empty = { name: '', city: '', country: '', mcc: '' };
  try {
    return { ...empty, ...(JSON.parse(localStorage.getItem(detailsKey) ?? '{}') as Partial<Merchant>) };
  } catch {
    return empty;
  }
}

export const keepMerchant = (m: Merchant) => localStorage.setItem(detailsKey, JSON.stringify(m));

/** A code without an amount never changes, so it is shown without the node too. By account, at most twenty. */
export function keptCodes(): Record<string, string> {
  try {
    return JSON.parse(localStorage.getItem(codesKey) ?? '{}') as Record<string, string>;
  } catch {
    return {};
  }
}

const most = 20;

export function keepCode(account: string, text: string) {
  const all = Object.entries(keptCodes()).filter(([a]) => a !== account);
  localStorage.setItem(codesKey, JSON.stringify(Object.fromEntries([...all, [account, text]].slice(-most))));
}

/** Kinds of merchants a community has: codes of ISO 18245. */
export const categories = ['8398', '8661', '5411', '5812', '5814', '5912', '5942', '5999', '8011', '8099', '8299', '7299'] as const;

/** Latin letters only: what else a scanner of another scheme would refuse. */
export const printable = (s: string, most: number) => s.length > 0 && s.length <= most && /^[\x20-\x7e]+$/.test(s);
