/** dayOf is a moment as a field of kind date has it, in the reader's own zone. */
export function dayOf(t: string | Date | undefined): string {
  if (!t) return '';
  const d = new Date(t);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

/** midnight is when a day of such a field begins, so many days later; undefined where none was chosen. */
export function midnight(day: string, later = 0): string | undefined {
  const m = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  return m ? new Date(Number(m[1]), Number(m[2]) - 1, Number(m[3]) + later).toISOString() : undefined;
}

/** lastDay is the day that ends at a moment: what ends at midnight ends with the day before. */
export const lastDay = (t: string | undefined) => (t ? dayOf(new Date(new Date(t).getTime() - 1)) : '');

/** words are what somebody wrote with commas between. */
export const words = (s: string) =>
  s
    .split(/[,،;\s]+/)
    .map((w) => w.trim())
    .filter(Boolean);
