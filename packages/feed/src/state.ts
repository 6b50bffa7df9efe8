/**
 * What a decision point knows at one moment: one verified release and the live facts. Immutable from outside: a
 * follower builds the next one and swaps it in, so that a decision never sees half of a change.
 */
import type { LoadedRelease } from '@postern/policy-engine';
import type { Certificate, TrustBundle } from '@postern/spiffe';
import type { PostureFact, RevocationFact, TokenKeysFact } from './facts.ts';

export interface DecisionState {
  readonly release: LoadedRelease;
  readonly epoch: string;
  readonly sequence: number;
  /** When the control plane signed the newest head seen; staleness is measured from it. */
  readonly headAtMs: number;
  /** Trust domain name → bundle. */
  readonly bundles: ReadonlyMap<string, TrustBundle>;
  /** Ephemeral issuers that have not expired. */
  readonly issuers: readonly Certificate[];
  readonly tokenKeys: ReadonlyMap<string, TokenKeysFact>;
  readonly postures: ReadonlyMap<string, PostureFact>;
  /** By subject, such as `svid:<serial>`. */
  readonly revocations: ReadonlyMap<string, RevocationFact>;
}
