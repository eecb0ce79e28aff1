import { type Ceremony, type SignedIn, prove, signIn } from './identity';
import { command } from './http';

/** Passkeys need a name and TLS: not every address a node is opened by has both. */
export function canUsePasskeys(): boolean {
  return window.isSecureContext && typeof PublicKeyCredential === 'function' && 'parseCreationOptionsFromJSON' in PublicKeyCredential;
}

/** optionsOf reads the options; some libraries wrap them as the standard's examples do. */
export function optionsOf(c: Ceremony): never {
  const o = JSON.parse(c.options ?? '{}') as { publicKey?: object };
  return (o.publicKey ?? o) as never;
}

/** sign has the person's own passkey sign what the node asks. */
async function sign(): Promise<{ ceremony: string; answer: string }> {
  const c = await signIn.begin();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(optionsOf(c));
  const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  return { ceremony: c.ceremony ?? '', answer: JSON.stringify(credential.toJSON()) };
}

export async function signInWithPasskey(brief: boolean): Promise<SignedIn> {
  const { ceremony, answer } = await sign();
  return signIn.finish(ceremony, answer, brief);
}

export const proveByPasskey = async () => prove(await sign());

export async function addPasskey(name: string) {
  const c = await command<Ceremony>('POST', '/v1/me/passkeys/begin');
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(optionsOf(c));
  const credential = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  return command('POST', '/v1/me/passkeys/finish', { ceremony: c.ceremony, name, answer: JSON.stringify(credential.toJSON()) });
}
