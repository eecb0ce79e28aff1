/**
 * Whether a record is part of a tree, computed here and not believed: RFC 9162 section 2.1.3.2. It answers undefined
 * where the browser has no SHA-256, which is where the page came without TLS.
 */
export async function includes(leaf: Uint8Array, index: bigint, size: bigint, proof: Uint8Array[], root: Uint8Array): Promise<boolean | undefined> {
  if (!globalThis.crypto?.subtle) return undefined;
  if (index < 0n || index >= size) return false;
  let fn = index;
  let sn = size - 1n;
  let r = await hash(Uint8Array.of(0), leaf);
  for (const p of proof) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      r = await hash(Uint8Array.of(1), p, r);
      while (!(fn & 1n) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else r = await hash(Uint8Array.of(1), r, p);
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && r.length === root.length && r.every((b, i) => b === root[i]);
}

async function hash(...parts: Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}

export const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
