export type Kind = 'internal' | 'invalid' | 'not_found' | 'conflict' | 'denied' | 'unavailable' | 'exhausted' | 'corrupt' | 'refused';

/** A Fact is something a refusal stood on: rule, RIBA-1. */
export interface Fact {
  name: string;
  value: string;
}

/** A Problem is what a node answers where it refuses (RFC 9457): a sentence for people, and often what to do. */
export interface ProblemDetails {
  type?: string;
  /** The kind. A node of a later version may know more of them. */
  title?: Kind | (string & {});
  status: number;
  detail?: string;
  hint?: string;
  /** A proof of who one is that would mend the refusal. */
  needs?: 'fresh' | 'second-factor' | 'password';
  /** What is wrong, for programs, where the kind is not enough: insufficient_funds. */
  code?: string;
  /** What the decision stood on. */
  facts?: Fact[];
  /** Seconds to wait, from Retry-After. */
  retryAfter?: number;
}

export class Problem extends Error {
  readonly details: ProblemDetails;
  constructor(details: ProblemDetails) {
    super(details.detail || details.title || `the node answered ${details.status}`);
    this.name = 'Problem';
    this.details = details;
  }
  get status() {
    return this.details.status;
  }
  get code() {
    return this.details.code;
  }
  get facts(): readonly Fact[] {
    return this.details.facts ?? [];
  }
}

/** The node did not answer at all. Whether a command reached it is not known. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('unreachable', { cause });
    this.name = 'Unreachable';
  }
}

export async function problemOf(response: Response): Promise<Problem> {
  const details: ProblemDetails = { status: response.status, title: response.statusText };
  const wait = Number(response.headers.get('Retry-After'));
  if (wait > 0) details.retryAfter = wait;
  if (response.headers.get('Content-Type')?.includes('json')) {
    try {
      const body = (await response.json()) as Partial<ProblemDetails>;
      Object.assign(details, body, { status: response.status });
    } catch {
      // An answer cut short: its status has to say enough.
    }
  }
  return new Problem(details);
}

/** Worth another try later with the same key: the node was away, busy, or between two leaders. */
export function passing(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  return error instanceof Problem && (error.status === 408 || error.status === 429 || error.status >= 500);
}
