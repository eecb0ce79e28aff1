/** How a setting is edited. A setting this build does not know is shown as text. */
export type Kind = 'text' | 'switch' | 'seconds';

export const known = {
  'site.name': 'text',
  'policy.always_two': 'switch',
  'policy.fresh_seconds': 'seconds',
} as const satisfies Record<string, Kind>;

export type Known = keyof typeof known;

export const isKnown = (key: string): key is Known => key in known;

/** The name of its text: a dot would mean a section there, and _two a plural form. */
export const word = (key: Known) => key.replace(/[._]/g, '-') as 'site-name' | 'policy-always-two' | 'policy-fresh-seconds';
