export interface JoinText {
  address: string;
  code: string;
}

/**
 * parseJoin finds an address and a join code in whatever was scanned or pasted: the code alone, "address code",
 * or the whole command line a hub showed.
 */
export function parseJoin(text: string): Partial<JoinText> {
  const found: Partial<JoinText> = {};
  for (const word of text.trim().split(/\s+/)) {
    if (/^AE1\./i.test(word)) found.code = word;
    else if (/^(\[[0-9a-f:]+\]|[\w.-]+):\d{1,5}$/i.test(word)) found.address = word;
  }
  return found;
}
