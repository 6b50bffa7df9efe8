/**
 * Moves the authority from state to state: each step is recorded, then written on the condition that nobody else wrote
 * meanwhile, then told to the feed. A process may end between any two of these; the next one goes on from what is
 * written, and does again what does no harm twice.
 */
import {
  type AuthorityState,
  type AuthorityStore,
  AuthorityTampered,
  applyStep,
  bundleOf,
  type Consumer,
  certificateOf,
  comingOf,
  type Generation,
  type Plan,
  type PlannedStep,
  planNext,
  ROLLED_KEYS,
  type RolloverTimes,
  readOwnCertificate,
  type SignedState,
  type Step,
  type StepReason,
  signingOf,
  spkiOf,
} from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import { type KeyRing, type RolledKeyName, type Signer, SignerUnavailable } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { type Certificate, parseTrustBundle, type TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import { publishCompanyChain } from './company_chain.ts';
import type { Coverage } from './coverage.ts';
import { makeSuccessor } from './successor.ts';
import { publishTrustBundle } from './trust_bundle.ts';

export interface RollingPorts {
  readonly trustDomain: TrustDomain;
  readonly store: AuthorityStore;
  readonly keys: KeyRing;
  readonly feedLog: FeedLog;
  readonly coverage: Coverage;
  readonly clock: Clock;
  readonly times: RolloverTimes;
  readonly consumers: (state: AuthorityState) => Promise<readonly Consumer[]>;
  /** Durable when it resolves. */
  readonly recordStep: (step: {
    readonly step: string;
    readonly key?: RolledKeyName;
    readonly generation?: number;
    readonly sequence: number;
    readonly by: string;
    readonly reason?: string;
  }) => Promise<void>;
  /** For the operator's alarms: what was done against the rule. */
  readonly alarm: (step: string, by: string) => void;
}

export interface Certifying {
  readonly signer: Signer;
  readonly root: Certificate;
}

export interface RollingAuthority {
  /** As it is stored at this moment; begun when it is not there yet. */
  read(): Promise<AuthorityState>;
  /** The root that signs now, for a certificate of at most this life, which is noted. Two reads, at most one write. */
  certifying(lifeSeconds: number): Promise<Certifying>;
  /** What comes next and what it waits for, as things are. */
  plan(state: AuthorityState): Promise<Plan & { readonly consumers: readonly Consumer[] }>;
  /** One step, by whoever asks. `authority-moved`: somebody was first; nothing was done. */
  take(
    state: AuthorityState,
    step: Step,
    by: string,
    isDryRun?: boolean,
  ): Promise<Result<AuthorityState, StepReason | 'authority-moved'>>;
  /** Makes the successor where none came with the step. */
  resolve(step: PlannedStep | Step): Promise<Step>;
  /** The bundle is in the feed, and every step that is due is taken. Answers what was done. */
  tick(by: string): Promise<readonly Step[]>;
}

/** Two keys, each through all its phases. */
const MAX_STEPS = 10;

export function createRollingAuthority(ports: RollingPorts): RollingAuthority {
  const { store, keys, feedLog, coverage, clock, times, trustDomain } = ports;

  async function read(): Promise<AuthorityState> {
    const found = await store.read();
    if (found === undefined) throw new AuthorityTampered('the authority’s state is gone');
    await checkAgainstFeed(found);
    return found.state;
  }

  /** Whoever put back an older state, before this process began, did not put back the feed, or all followers see it. */
  async function checkAgainstFeed({ state }: SignedState): Promise<void> {
    if (state.bundleSequence < (await inFeed()))
      throw new AuthorityTampered('the authority’s state is older than the bundle in the feed');
  }

  async function inFeed(): Promise<number> {
    const fact = await feedLog.latest('trust-bundle', trustDomain);
    if (fact?.kind !== 'trust-bundle') return 0;
    const bundle = parseTrustBundle(fact.bundle, trustDomain);
    return bundle.ok ? (bundle.value.sequence ?? 0) : 0;
  }

  async function signerOf(key: RolledKeyName, generation: Generation): Promise<Signer> {
    const signer = await keys.signer(key, generation.generation);
    if (Buffer.compare(signer.spki, spkiOf(generation)) !== 0)
      throw new SignerUnavailable(`generation ${generation.generation} of the key \`${key}\` is another key now`);
    return signer;
  }

  async function observe(state: AuthorityState, consumers: readonly Consumer[]): Promise<Plan> {
    const [coveredUntilMs, sequence] = await Promise.all([coverage.until(), inFeed()]);
    return planNext(state, { nowMs: clock.nowMs(), inFeed: sequence, consumers, coveredUntilMs }, times);
  }

  /** Nobody is waited for but by a key that is published: a tick at rest asks for nobody. */
  const isWaiting = (state: AuthorityState) => ROLLED_KEYS.some((key) => comingOf(state, key)?.phase === 'published');

  const authority: RollingAuthority = {
    read,
    async certifying(lifeSeconds) {
      const generation = signingOf(await read(), 'root');
      await coverage.note(generation.generation, clock.nowMs() + lifeSeconds * 1000);
      return { signer: await signerOf('root', generation), root: readOwnCertificate(certificateOf(generation)) };
    },
    async plan(state) {
      const consumers = await ports.consumers(state);
      return { ...(await observe(state, consumers)), consumers };
    },
    async take(state, step, by, isDryRun = false) {
      const next = applyStep(state, step, clock.nowMs());
      if (!next.ok || isDryRun) return next;
      const signer = await keys.signer('assertion');
      const override = 'override' in step ? step.override : undefined;
      await ports.recordStep({
        step: step.kind,
        ...('key' in step && { key: step.key, generation: step.generation }),
        sequence: next.value.sequence,
        by,
        ...(override !== undefined && { reason: override.reason }),
      });
      if (override !== undefined) ports.alarm(`${step.kind} against the rule`, by);
      const written = await store.write(next.value, signer);
      return written.ok ? accept(next.value) : refuse(written.reason);
    },
    async resolve(step) {
      return step.kind === 'prepare' && !('spki' in step) ? makeSuccessor({ keys, trustDomain, clock }, step) : step;
    },
    async tick(by) {
      const done: Step[] = [];
      while (done.length < MAX_STEPS) {
        const state = await read();
        await publishCompanyChain({ state, feedLog, clock });
        await publishTrustBundle({ bundle: bundleOf(state), feedLog, clock });
        const { step } = await observe(state, isWaiting(state) ? await ports.consumers(state) : []);
        if (step === undefined) break;
        const resolved = await authority.resolve(step);
        const taken = await authority.take(state, resolved, by);
        // Somebody else is at it.
        if (!taken.ok) break;
        done.push(resolved);
      }
      return done;
    },
  };
  return authority;
}
