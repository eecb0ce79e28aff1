import { queryOptions } from '@tanstack/react-query';
import { read } from './http';

export interface ServiceToken { id: string; name?: string; roles?: string[]; scopes?: string[]; created?: string; until?: string; used?: string; by?: string }
export interface NewToken { token?: ServiceToken; secret?: string }

export const tokens = queryOptions({ queryKey: ['tokens'], queryFn: ({ signal }) => read<{ tokens?: ServiceToken[] }>('/v1/tokens?page_size=1000', signal) });
