/** addressOf is where anyone may see a fund: what a code on paper or on a screen leads to. */
export const addressOf = (id: string) => `${location.origin}/funds/${encodeURIComponent(id).replace('%3A', ':')}`;
