/** How a setting is edited. A setting this build does not know is shown as text. */
export type Kind = 'text' | 'bytes' | 'window' | 'switch' | 'seconds';

export const known = {
  'site.name': 'text',
  'uplink.day_budget': 'bytes',
  'uplink.month_budget': 'bytes',
  'uplink.bulk_window': 'window',
  'policy.always_two': 'switch',
  'policy.fresh_seconds': 'seconds',
} as const satisfies Record<string, Kind>;

export type Known = keyof typeof known;

export const isKnown = (key: string): key is Known => key in known;

/** The name of its text: a dot would mean a section there, and _two a plural form. */
export const word = (key: Known) => key.replace(/[._]/g, '-') as 'site-name' | 'uplink-day-budget' | 'uplink-month-budget' | 'uplink-bulk-window' | 'policy-always-two' | 'policy-fresh-seconds';

/** inForce reads one value of the node's configuration. It is shown, never written back, so a line's value is enough. */
export function inForce(toml: string, section: string, key: string): string | undefined {
  let here = '';
  for (const line of toml.split('\n')) {
    const head = /^\s*\[([\w.]+)\]/.exec(line);
    if (head) here = head[1]!;
    const pair = /^\s*(\w+)\s*=\s*(?:"([^"]*)"|([^#\s]+))/.exec(line);
    if (here === section && pair?.[1] === key) return pair[2] ?? pair[3];
  }
  return undefined;
}
