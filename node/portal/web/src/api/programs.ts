import { queryOptions } from '@tanstack/react-query';
import { read } from './http';

// The messages of aielon.oauth.v1 as JSON. A proof that is left out is none.
export interface Program {
  id: string; name?: string; redirectUris?: string[]; proof?: 'PROOF_NONE' | 'PROOF_KEY'; jwks?: string; scopes?: string[]; roles?: string[]; bound?: boolean;
  createdAt?: string; createdBy?: string;
}
export interface Grant { id: string; client?: string; person?: string; scopes?: string[]; createdAt?: string; endsAt?: string; bound?: boolean }
export type NewProgram = Omit<Program, 'id' | 'createdAt' | 'createdBy'>;

export const programPath = (id: string) => `/v1/oauth/clients/${encodeURIComponent(id)}`;
export const programs = queryOptions({ queryKey: ['programs'], queryFn: ({ signal }) => read<{ clients?: Program[] }>('/v1/oauth/clients?page_size=1000', signal) });
export const program = (id: string) => queryOptions({ queryKey: ['programs', id], queryFn: ({ signal }) => read<Program>(programPath(id), signal) });
export const grants = (client: string) =>
  queryOptions({ queryKey: ['programs', client, 'grants'], queryFn: ({ signal }) => read<{ grants?: Grant[] }>(`/v1/oauth/grants?page_size=200&client=${encodeURIComponent(client)}`, signal) });
