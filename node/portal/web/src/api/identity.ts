import { queryOptions } from '@tanstack/react-query';
import { command, fetchJSON, read, reader } from './http';
import { Unreachable } from './problem';
import { roleMay } from './rights';

// The messages of aielon.identity.v1 as JSON.
export interface Person {
  id: string; login?: string; displayName?: string; language?: string; roles?: string[]; status?: string;
  created?: string; hasPassword?: boolean; hasTotp?: boolean; passkeys?: number; by?: string;
}
export interface Self {
  person?: Person; roles?: string[]; scopes?: string[]; kind?: string; id?: string; site?: string; strength?: string;
  since?: string; until?: string; session?: string; recoveryCodes?: number;
}
export interface Session { id: string; person?: string; created?: string; used?: string; until?: string; strength?: string; agent?: string; current?: boolean; offline?: boolean }
export interface Passkey { id: string; name?: string; made?: string; used?: string; synced?: boolean }
export interface Invitation { id: string; roles?: string[]; login?: string; person?: string; created?: string; until?: string; by?: string }
export interface NewInvitation { invitation?: Invitation; code?: string }
export interface SignedIn { needs?: string; ticket?: string; until?: string; person?: Person; offline?: boolean }
export interface Ceremony { ceremony?: string; options?: string }

/** roles a person may hold, in the order of the list. */
export const roles = ['owner', 'site-admin', 'operator', 'auditor', 'clinician', 'front-desk', 'wallet-officer', 'shariah-reviewer', 'community-admin', 'member'] as const;
export type Role = (typeof roles)[number];

const lastUser = 'user';

/** me says who is signed in. A node that cannot be reached leaves the last person's kept pages open on their device. */
export const me = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }): Promise<Self> => {
    reader.user = localStorage.getItem(lastUser) ?? '';
    try {
      const found = await fetchJSON<Self>('/v1/me', signal);
      reader.user = found.id ?? '';
      localStorage.setItem(lastUser, reader.user);
    } catch (e) {
      if (!(e instanceof Unreachable) || !reader.user) throw e;
    }
    return read<Self>('/v1/me', signal);
  },
  staleTime: 60_000,
  retry: false,
});

export function forgetUser() {
  localStorage.removeItem(lastUser);
  reader.user = '';
}

export function may(who: Self | undefined, permission: string): boolean {
  if (!who) return true; // not known yet, or not reachable: the node decides
  if (who.scopes?.length && !who.scopes.includes(permission)) return false;
  return roleMay(who.roles ?? [], permission);
}

export const people = queryOptions({ queryKey: ['people'], queryFn: ({ signal }) => read<{ people?: Person[] }>('/v1/people?page_size=1000', signal) });
export const invitations = queryOptions({ queryKey: ['invitations'], queryFn: ({ signal }) => read<{ invitations?: Invitation[] }>('/v1/invitations?page_size=200', signal) });
export const sessions = queryOptions({ queryKey: ['sessions'], queryFn: ({ signal }) => read<{ sessions?: Session[] }>('/v1/me/sessions', signal) });
export const passkeys = queryOptions({ queryKey: ['passkeys'], queryFn: ({ signal }) => read<{ passkeys?: Passkey[] }>('/v1/me/passkeys', signal) });

// The session comes as a cookie scripts cannot read. Brief: it ends soon without use, for computers others use too.
export const signIn = {
  password: (login: string, password: string, brief: boolean) => command<SignedIn>('POST', '/v1/sign-in', { login, password, brief, cookie: true }),
  code: (ticket: string, code: string) => command<SignedIn>('POST', '/v1/sign-in/code', { ticket, code }),
  begin: () => command<Ceremony>('POST', '/v1/sign-in/passkey/begin'),
  finish: (ceremony: string, answer: string, brief: boolean) => command<SignedIn>('POST', '/v1/sign-in/passkey/finish', { ceremony, answer, brief, cookie: true }),
  out: () => command<object>('POST', '/v1/sign-out'),
};

export interface NewPerson { code: string; login: string; displayName: string; password: string; language: string }

export const setUp = (p: NewPerson) => command<SignedIn>('POST', '/v1/setup', { ...p, cookie: true });
export const accept = (p: NewPerson) => command<SignedIn>('POST', '/v1/invitations/accept', { ...p, cookie: true });
export const showInvitation = (code: string) => command<Invitation>('POST', '/v1/invitations/show', { code });
export const prove = (password: string, code: string) => command<object>('POST', '/v1/me/prove', { password, code });
