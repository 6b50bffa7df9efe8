/** What an agent waits for before it decides and hands out identities; whoever waits too long is told what is missing. */
import type { Follower } from '@postern/feed';

export interface ReadinessPorts {
  readonly follower: Pick<Follower, 'state' | 'position' | 'wantedRelease'>;
  /** Entries were answered, and an SVID was asked for each. */
  readonly hasIdentities: () => boolean;
  readonly nowMs: () => number;
}

export type Missing = 'feed' | 'release' | 'identities';

export class AgentNotReady extends Error {
  override readonly name = 'AgentNotReady';
  readonly missing: readonly Missing[];

  constructor(missing: readonly (readonly [name: Missing, why: string])[]) {
    super(`not here yet: ${missing.map(([name, why]) => `${name} (${why})`).join(', ')}`);
    this.missing = missing.map(([name]) => name);
  }
}

const POLL_MS = 50;

/** Resolves when nothing is missing; rejects with `AgentNotReady` after `timeoutMs`. */
export async function waitUntilReady(ports: ReadinessPorts, timeoutMs: number): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (let missing = missingOf(ports); missing.length > 0; missing = missingOf(ports)) {
    if (performance.now() > until) throw new AgentNotReady(missing);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Nothing when decisions are made and identities handed out. */
export function missingOf({
  follower,
  hasIdentities,
  nowMs,
}: ReadinessPorts): (readonly [name: Missing, why: string])[] {
  const missing: (readonly [Missing, string])[] = [];
  if (follower.state(nowMs()) === undefined) missing.push(missingOfState(follower));
  if (!hasIdentities()) missing.push(['identities', 'the entries of this node and their SVIDs were not answered']);
  return missing;
}

/** Decisions need a release and the feed up to the head that names it. */
function missingOfState(follower: ReadinessPorts['follower']): readonly [Missing, string] {
  if (follower.position().epoch === '') return ['feed', 'the control plane has not answered it'];
  const wanted = follower.wantedRelease();
  return wanted === undefined
    ? ['release', 'none is published: postern policy publish DIR']
    : ['release', `number ${wanted} is published and was not fetched`];
}
