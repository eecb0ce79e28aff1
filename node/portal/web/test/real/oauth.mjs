// Programs as they come to a site: one that a person lets in, and one that proves itself by its own key.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const base64 = (b) => Buffer.from(b).toString('base64url');
const form = (values) => ({ method: 'POST', redirect: 'manual', body: new URLSearchParams(values) });

async function token(url, values) {
  const answer = await fetch(`${url}/oauth/token`, form(values));
  return { status: answer.status, ...(await answer.json()) };
}

/** What a person does in a browser when a program asks for them, and what the program gets for it. */
export async function letIn(url, { login, password, client, redirect, scope }) {
  const signed = await fetch(`${url}/v1/sign-in`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': base64(randomBytes(16)) }, body: JSON.stringify({ login, password, cookie: true }) });
  const headers = { Cookie: signed.headers.getSetCookie().map((c) => c.split(';')[0]).join('; '), Origin: url };
  const verifier = base64(randomBytes(32));
  const asked = new URLSearchParams({ response_type: 'code', client_id: client, redirect_uri: redirect, scope, state: 's', code_challenge: base64(createHash('sha256').update(verifier).digest()), code_challenge_method: 'S256' });
  const page = await (await fetch(`${url}/oauth/authorize?${asked}`, { headers })).text();
  const [, action, seal] = /action="([^"]+)"[\s\S]*name="seal" value="([^"]+)"/.exec(page) ?? [];
  const sent = await fetch(new URL(action, url), { ...form({ seal, answer: 'allow' }), headers });
  const code = new URL(sent.headers.get('Location')).searchParams.get('code');
  return token(url, { grant_type: 'authorization_code', client_id: client, code, redirect_uri: redirect, code_verifier: verifier });
}

export const refresh = (url, client, secret) => token(url, { grant_type: 'refresh_token', client_id: client, refresh_token: secret });

/** A key pair; jwks is what is registered of it. */
export function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: '2026' }] }) };
}

/** Asks for a token with an assertion it signed (private_key_jwt). */
export function actAlone(url, client, { privateKey }, scope) {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: 'ES256', kid: '2026' }, { iss: client, sub: client, aud: `${url}/oauth/token`, jti: base64(randomBytes(16)), iat: now, exp: now + 60 }].map((p) => base64(JSON.stringify(p)));
  const signature = sign('sha256', Buffer.from(parts.join('.')), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return token(url, { grant_type: 'client_credentials', scope, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: [...parts, base64(signature)].join('.') });
}
