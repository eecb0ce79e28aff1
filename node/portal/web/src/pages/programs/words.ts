import type { NewProgram, Program } from '@/api/programs';
import { useCode } from '@/ui/useCode';

/** What a program may ask for besides permissions. */
export const plainScopes = ['openid', 'offline_access', 'fhirUser', 'launch', 'launch/patient'] as const;

/** Where a program runs decides how it can prove itself, and whether anybody is asked. */
export type Kind = 'app' | 'server' | 'self';

export const kindOf = (p: Program): Kind => (p.roles?.length ? 'self' : p.proof === 'PROOF_KEY' ? 'server' : 'app');

/** useScopeName says a scope in words: one of the protocol's, or a permission. SMART scopes stay as they are. */
export function useScopeName() {
  const code = useCode();
  return (scope: string) => code('scope', scope, code('permission', scope));
}

/** What stands in a field for several things, on lines or between spaces. */
export const list = (typed: string) => typed.split(/\s+/).filter(Boolean);

/**
 * faultOfKeys looks at a key set before it is sent: a private key must not leave this page. Everything else the
 * node says.
 */
export function faultOfKeys(typed: string): 'program.keysPrivate' | 'program.keysUnread' | undefined {
  try {
    const { keys } = JSON.parse(typed) as { keys?: unknown };
    if (!Array.isArray(keys)) return /"(d|k|p|q)"\s*:/.test(typed) ? 'program.keysPrivate' : 'program.keysUnread';
    return keys.some((k: object) => ['d', 'k', 'p', 'q'].some((secret) => secret in k)) ? 'program.keysPrivate' : undefined;
  } catch {
    return /PRIVATE KEY|"d"\s*:/.test(typed) ? 'program.keysPrivate' : 'program.keysUnread';
  }
}

/** Only what belongs to its kind is sent, whatever was typed before the kind was chosen. */
export function programOf(d: FormData, kind: Kind): NewProgram {
  const text = (name: string) => String(d.get(name) ?? '').trim();
  return {
    name: text('name'),
    proof: kind === 'app' ? 'PROOF_NONE' : 'PROOF_KEY',
    redirectUris: kind === 'self' ? [] : list(text('redirects')),
    jwks: kind === 'app' ? '' : text('jwks'),
    scopes: [...new Set([...d.getAll('scopes').map(String), ...list(text('smart'))])],
    roles: kind === 'self' ? d.getAll('roles').map(String) : [],
    bound: d.get('bound') !== null,
  };
}

/** Under which a program finds everything else. The name is the one the node goes by, whatever this page was opened under. */
export function discovery(at: string, name: string): string {
  const url = new URL('/.well-known/openid-configuration', at);
  url.hostname = name;
  return url.href;
}
