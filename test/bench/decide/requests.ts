/** Requests as plain values, as a proxy's call brings them; most are allowed, the rest fail in different places. */
import { MAX_SIGN_IN_AGE_SECONDS, type PolicyWorld, type Verb } from './policies.ts';

export type PlainRequest = {
  readonly user: string;
  readonly groups: readonly string[];
  readonly service: string;
  readonly team: string;
  readonly verb: Verb;
  /** Full Cedar id of what the request was routed to. */
  readonly action: string;
  readonly path: string;
  readonly host: string;
  readonly sourceIp: string;
  readonly nowMs: number;
  readonly signedInMs: number;
  readonly compliant: boolean;
  readonly managed: boolean;
};

/** So many outcomes are compared before anything is measured. */
export const COMPARED = 100;
export const ISSUER = 'https://idp.bench.test';

export function methodOf({ verb }: PlainRequest): string {
  return verb === 'read' ? 'GET' : 'POST';
}

/** A Tuesday, in working hours. */
const NOON_MS = Date.UTC(2026, 10, 24, 12);
const HOUR_MS = 3_600_000;

/** What goes wrong, in one request of ten each; the others are in order. */
const FLAWS: { readonly [lastDigit: number]: Partial<PlainRequest> } = {
  2: { path: '/elsewhere' },
  4: { signedInMs: NOON_MS - (MAX_SIGN_IN_AGE_SECONDS + 60) * 1000 },
  5: { compliant: false },
  6: { managed: false },
  8: { nowMs: NOON_MS + 11 * HOUR_MS, signedInMs: NOON_MS + 11 * HOUR_MS - 60_000 },
  9: { groups: ['group-nobody-knows'] },
};

/** `count` requests that spread evenly over the permits. */
export function createRequests(world: PolicyWorld, count: number): PlainRequest[] {
  const teams = new Map(world.services.map(({ name, team }) => [name, team]));
  return Array.from({ length: count }, (_, index) => {
    const permit = world.permits[Math.floor((index * world.permits.length) / count)]!;
    return {
      user: `user-${index}`,
      groups: [permit.group, 'everyone', 'engineering'],
      service: permit.service,
      team: teams.get(permit.service)!,
      verb: permit.verb,
      action: `${permit.service}:${permit.verb}`,
      path: `${permit.pathPrefix}orders/${index}`,
      host: `${permit.service}.bench.test`,
      sourceIp: `10.${permit.network}.3.4`,
      nowMs: NOON_MS,
      signedInMs: NOON_MS - 600_000,
      compliant: true,
      managed: true,
      ...FLAWS[index % 10],
    };
  });
}
