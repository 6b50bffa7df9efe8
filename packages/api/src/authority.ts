/** The authority as its operators see and move it: `GET` and `POST /v1/admin/authority` (docs/rollover.md). */
import type { Base64Der } from './bodies.ts';

export type RolledKey = 'root' | 'jwt';

export type AuthorityCommand =
  | { readonly command: 'status' }
  /** Makes the next generation of a key, and has it published. */
  | { readonly command: 'prepare'; readonly key: RolledKey; readonly dryRun?: boolean }
  /** Takes whatever steps are due now, without waiting for the next tick. */
  | { readonly command: 'advance'; readonly dryRun?: boolean }
  /** Lets a published generation sign although somebody who verifies may not know it. */
  | { readonly command: 'override'; readonly key: RolledKey; readonly reason: string; readonly dryRun?: boolean }
  /** Takes a generation out of the bundle at once, whatever it signed. */
  | {
      readonly command: 'distrust';
      readonly key: RolledKey;
      readonly generation: number;
      readonly reason: string;
      readonly dryRun?: boolean;
    }
  /** A request for a company's authority: of the root's next generation, which is made for it. */
  | { readonly command: 'request' }
  /** What the company's authority answered: its certificate for ours, and those up to its root. */
  | { readonly command: 'install'; readonly certificates: readonly Base64Der[]; readonly dryRun?: boolean }
  /** An authority of the same trust domain that is not ours, while a migration lasts. */
  | { readonly command: 'add-anchor'; readonly certificate: Base64Der; readonly dryRun?: boolean }
  | { readonly command: 'remove-anchor'; readonly digest: string; readonly dryRun?: boolean };

export interface AuthorityGeneration {
  readonly generation: number;
  readonly phase: 'prepared' | 'published' | 'signing' | 'draining' | 'distrusted';
  readonly sinceMs: number;
  readonly madeAtMs: number;
  /** `kid` of a key of tokens; hex subject key id of a root. */
  readonly keyId: string;
  /** Of a root. */
  readonly notAfterMs?: number;
  /** SHA-256 of what stands in the bundle for it, hex. */
  readonly anchorDigest?: string;
  readonly override?: { readonly by: string; readonly reason: string };
}

export interface AuthorityWait {
  readonly key: RolledKey;
  readonly generation: number;
  readonly next: 'prepare' | 'sign' | 'distrust';
  /** Stable: what it waits for (docs/rollover.md). */
  readonly reason: string;
  readonly untilMs?: number;
  /** The first hundred of those it waits for; before `distrust`, those whose own SVID leads to it: they would have to join anew. */
  readonly consumers?: readonly AuthorityConsumer[];
  readonly consumerCount?: number;
}

export interface AuthorityConsumer {
  readonly name: string;
  /** Sequence of the trust bundle it says it has; absent when it has said nothing. */
  readonly bundleSequence?: number;
  /** Number of the root that its own SVID leads to, as far as it has shown. */
  readonly root?: number;
  readonly untilMs: number;
}

export interface AuthorityStatus {
  readonly trustDomain: string;
  readonly sequence: number;
  readonly bundleSequence: number;
  readonly keys: { readonly [K in RolledKey]: readonly AuthorityGeneration[] };
  readonly waits: readonly AuthorityWait[];
  /** What a tick would do now. */
  readonly next?: { readonly step: string; readonly key?: RolledKey; readonly generation?: number };
  readonly consumerCount: number;
  readonly foreign: readonly { readonly digest: string; readonly by: string; readonly addedAtMs: number }[];
}

export interface AuthorityAnswer {
  readonly status: AuthorityStatus;
  /** What was done, or would have been. */
  readonly steps: readonly string[];
  readonly dryRun?: boolean;
  /** Of `request`: PKCS #10. */
  readonly csr?: Base64Der;
}

/** What `rotate` says of a command: refusals are for the operator to read. */
export type AuthorityOutcome =
  | { readonly ok: true; readonly answer: AuthorityAnswer }
  | { readonly ok: false; readonly reason: string; readonly detail?: string };
