// Crockford's base 32, small: how the node writes identifiers.
const letters = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * newId chooses an identifier as the node does: milliseconds since 1970, then chance (RFC 9562 UUIDv7), in 26 letters and digits.
 * Chosen before the first attempt, it makes a payment one payment however often it is sent. Later ones sort later.
 */
export function newId(now = Date.now()): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 0; i < 6; i++) b[i] = Math.floor(now / 256 ** (5 - i)) % 256;
  b[6] = (b[6]! & 0x0f) | 0x70;
  b[8] = (b[8]! & 0x3f) | 0x80;
  let bits = 0n;
  for (const x of b) bits = (bits << 8n) | BigInt(x);
  bits <<= 2n; // 128 bits in 26 letters of five
  let out = '';
  for (let i = 25; i >= 0; i--) out += letters[Number((bits >> BigInt(5 * i)) & 31n)];
  return out;
}

/** isId says whether a text can be the number of an account: 26 letters and digits, or a UUID. */
export const isId = (s: string) => /^[0-9a-hjkmnp-tv-z]{26}$/i.test(s) || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(s);
