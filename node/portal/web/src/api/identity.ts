import { queryOptions } from '@tanstack/react-query';
import { keep, kept } from './db';
import { command, fetchJSON, read, reader } from './http';
import { Problem, Unreachable } from './problem';

// The messages of aielon.identity.v1 as JSON.
export interface Person {
  id: string; login?: string; displayName?: string; language?: string; roles?: string[]; status?: string;
  created?: string; hasPassword?: boolean; hasTotp?: boolean; passkeys?: number; by?: string;
}
export interface Self {
  person?: Person; roles?: string[]; scopes?: string[]; kind?: string; id?: string; site?: string; strength?: string;
  since?: string; until?: string; session?: string; recoveryCodes?: number; may?: string[]; mayOwn?: string[];
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

/** Whether somebody signed in here: no secret, only so that a node is not asked who it is where it is nobody. */
const mark = 'signed-in';

/** entered keeps the mark once a proof was taken. */
async function entered(answer: Promise<SignedIn>): Promise<SignedIn> {
  const a = await answer;
  if (!a.needs) localStorage.setItem(mark, 'yes');
  return a;
}

/** me says who is signed in. A node that cannot be reached leaves the last person's kept pages open on their device. */
export const me = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }): Promise<Self> => {
    reader.user = localStorage.getItem(lastUser) ?? '';
    if (!localStorage.getItem(mark)) throw new Problem({ status: 401 });
    try {
      const found = await fetchJSON<Self>('/v1/me', signal);
      reader.user = found.id ?? '';
      localStorage.setItem(lastUser, reader.user);
      keep(reader.user, '/v1/me', found).catch(() => {});
      return found;
    } catch (e) {
      if (e instanceof Problem && e.status === 401) localStorage.removeItem(mark);
      const old = e instanceof Unreachable && reader.user ? await kept(reader.user, '/v1/me').catch(() => undefined) : undefined;
      if (!old) throw e;
      return old.body as Self;
    }
  },
  staleTime: 60_000,
  retry: false,
});

export function forgetUser() {
  localStorage.removeItem(lastUser);
  localStorage.removeItem(mark);
  reader.user = '';
}

/** may says what is worth offering, by what the node said of its policies. Whether it happens, the node decides each time. own: about oneself. */
export function may(who: Self | undefined, permission: string, own = false): boolean {
  if (!who?.may) return true; // not known yet: the node decides
  return who.may.includes(permission) || (own && who.mayOwn?.includes(permission) === true);
}

export const people = queryOptions({ queryKey: ['people'], queryFn: ({ signal }) => read<{ people?: Person[] }>('/v1/people?page_size=1000', signal) });
export const person = (id: string) => queryOptions({ queryKey: ['people', id], queryFn: ({ signal }) => read<Person>(`/v1/people/${encodeURIComponent(id)}`, signal) });
export const sessionsOf = (id: string) =>
  queryOptions({ queryKey: ['sessions', id], queryFn: ({ signal }) => read<{ sessions?: Session[] }>(`/v1/sessions?page_size=200&person=${encodeURIComponent(id)}`, signal) });
export const invitations = queryOptions({ queryKey: ['invitations'], queryFn: ({ signal }) => read<{ invitations?: Invitation[] }>('/v1/invitations?page_size=200', signal) });
export const sessions = queryOptions({ queryKey: ['sessions'], queryFn: ({ signal }) => read<{ sessions?: Session[] }>('/v1/me/sessions', signal) });
export const passkeys = queryOptions({ queryKey: ['passkeys'], queryFn: ({ signal }) => read<{ passkeys?: Passkey[] }>('/v1/me/passkeys', signal) });

// The session comes as a cookie scripts cannot read. Brief: it ends soon without use, for computers others use too.
export const signIn = {
  password: (login: string, password: string, brief: boolean) => entered(command('POST', '/v1/sign-in', { login, password, brief, cookie: true })),
  code: (ticket: string, code: string) => entered(command('POST', '/v1/sign-in/code', { ticket, code })),
  begin: () => command<Ceremony>('POST', '/v1/sign-in/passkey/begin'),
  finish: (ceremony: string, answer: string, brief: boolean) => entered(command('POST', '/v1/sign-in/passkey/finish', { ceremony, answer, brief, cookie: true })),
  out: () => command<object>('POST', '/v1/sign-out'),
};

export interface NewPerson { code: string; login: string; displayName: string; password: string; language: string }

export const setUp = (p: NewPerson) => entered(command('POST', '/v1/setup', { ...p, cookie: true }));
export const accept = (p: NewPerson) => entered(command('POST', '/v1/invitations/accept', { ...p, cookie: true }));
export const showInvitation = (code: string) => command<Invitation>('POST', '/v1/invitations/show', { code });
export const prove = (proof: { password: string; code: string } | { ceremony: string; answer: string }) => command<object>('POST', '/v1/me/prove', proof);
