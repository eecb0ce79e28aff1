import { queryOptions } from '@tanstack/react-query';
import { read } from './http';

// The messages of aielon.policy.v1 as JSON.
export interface RoleRule { name?: string; doc?: string; kinds?: string[]; areas?: boolean; permissions?: string[] }
export interface Permission { name?: string; doc?: string; class?: string; write?: boolean; money?: boolean; strength?: string; fresh?: boolean; groups?: string[] }
export interface EmergencyAccess { id?: string; who?: string; subject?: string; reason?: string; from?: string; until?: string; ended?: string; endedBy?: string; open?: boolean }
export interface Consent { subject?: string; deny?: boolean; provisions?: object[]; source?: string; version?: string; set?: string; by?: string }

export const roleRules = queryOptions({ queryKey: ['roles'], queryFn: ({ signal }) => read<{ roles?: RoleRule[] }>('/v1/roles', signal), staleTime: 600_000 });
export const permissions = queryOptions({ queryKey: ['permissions'], queryFn: ({ signal }) => read<{ permissions?: Permission[] }>('/v1/permissions', signal), staleTime: 600_000 });
export const emergencies = queryOptions({ queryKey: ['emergencies'], queryFn: ({ signal }) => read<{ access?: EmergencyAccess[] }>('/v1/emergency-access?all=true&page_size=1000', signal) });
export const consent = (subject: string) => queryOptions({ queryKey: ['consent', subject], queryFn: ({ signal }) => read<Consent>(`/v1/consents/${encodeURIComponent(subject)}`, signal) });
