import { type Ceremony, type SignedIn, signIn } from './identity';
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

export async function signInWithPasskey(brief: boolean): Promise<SignedIn> {
  const c = await signIn.begin();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(optionsOf(c));
  const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  return signIn.finish(c.ceremony ?? '', JSON.stringify(credential.toJSON()), brief);
}

export async function addPasskey(name: string) {
  const c = await command<Ceremony>('POST', '/v1/me/passkeys/begin');
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(optionsOf(c));
  const credential = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  return command('POST', '/v1/me/passkeys/finish', { ceremony: c.ceremony, name, answer: JSON.stringify(credential.toJSON()) });
}
