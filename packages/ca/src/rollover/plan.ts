/**
 * What comes next, and what it waits for. Pure: state and what was observed in, one step and the reasons of all that waits
 * out. Nobody has to have been there before: whoever asks after a crash is answered the same.
 */
import type { RolledKeyName } from '@postern/keys';
import { readOwnCertificate } from '../root.ts';
import type { Step } from './apply_step.ts';
import { nextGeneration } from './apply_step.ts';
import {
  type AuthorityState,
  certificateOf,
  comingOf,
  type Generation,
  ROLLED_KEYS,
  signingOf,
} from './authority_state.ts';

export interface RolloverTimes {
  /** A bundle is out for at least this long before its newest key signs: pollers who report to nobody have it by then. */
  readonly publishedForMs: number;
  /** What was asked for just before the key ceased to sign may still be on its way. */
  readonly drainedForMs: number;
  /** The longest life of a JWT-SVID, with skew. */
  readonly jwtDrainedForMs: number;
  /** A root with less life than this left is given a successor. Of a company's certificate: at most a third of its life. */
  readonly rootRenewedBeforeMs: number;
  /** A key of JWT-SVIDs that has signed for this long is given a successor. */
  readonly jwtSignsForMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Three times the bundle's refresh hint; an hour and ten minutes for tokens; two of a root's ten years; half a year. */
export const ROLLOVER_TIMES: RolloverTimes = {
  publishedForMs: 3 * MINUTE_MS,
  drainedForMs: 10 * MINUTE_MS,
  jwtDrainedForMs: 70 * MINUTE_MS,
  rootRenewedBeforeMs: 2 * 365 * DAY_MS,
  jwtSignsForMs: 180 * DAY_MS,
};

/** Somebody who verifies by our bundle, until `untilMs`. */
export interface Consumer {
  readonly name: string;
  /** Sequence of the bundle it says it has; absent when it has said nothing. */
  readonly bundleSequence?: number;
  /** Generation of the root that its own SVID leads to; absent when nothing that it said shows one. */
  readonly root?: number;
  readonly untilMs: number;
}

export interface Observation {
  readonly nowMs: number;
  /** The sequence of the bundle that is in the feed. */
  readonly inFeed: number;
  /** Those who live. */
  readonly consumers: readonly Consumer[];
  /** When the last certificate ends that a root signed; absent when none is left. */
  readonly coveredUntilMs: ReadonlyMap<number, number>;
}

/** `company-certificate`: a successor is due, and the company whose root is above ours has to certify it. */
export type WaitReason =
  | 'not-in-feed'
  | 'published-too-briefly'
  | 'consumers-behind'
  | 'certificates-count'
  | 'company-certificate';

export interface Wait {
  readonly key: RolledKeyName;
  readonly generation: number;
  readonly next: 'prepare' | 'sign' | 'distrust';
  readonly reason: WaitReason;
  /** When it is over, where time alone decides; of consumers, when the last of them lapses; of a company, by when it must be. */
  readonly untilMs?: number;
  /** Who has to follow: the bundle before the root signs, to another root with its own SVID before this one is distrusted. */
  readonly consumers?: readonly Consumer[];
}

/** A successor still has to be made before it can be a step. */
export type PlannedStep =
  | Exclude<Step, { readonly kind: 'prepare' }>
  | { readonly kind: 'prepare'; readonly key: RolledKeyName; readonly generation: number };

export interface Plan {
  readonly step?: PlannedStep;
  readonly waits: readonly Wait[];
}

export function planNext(state: AuthorityState, observed: Observation, times: RolloverTimes): Plan {
  const waits: Wait[] = [];
  let step: PlannedStep | undefined;
  for (const key of ROLLED_KEYS) {
    for (const generation of state.keys[key]) {
      const next = nextOf(generation, key, observed, times);
      if (next === undefined) continue;
      if ('reason' in next) waits.push(next);
      else step ??= next;
    }
    if (!isSuccessorDue(state, key, observed.nowMs, times)) continue;
    const generation = nextGeneration(state, key);
    const { anchors } = signingOf(state, key);
    // One that we sign ourselves would lead away from the company's root.
    if (anchors === undefined) step ??= { kind: 'prepare', key, generation };
    else waits.push({ key, generation, next: 'prepare', reason: 'company-certificate', untilMs: endOf(state) });
  }
  return step === undefined ? { waits } : { step, waits };
}

function nextOf(
  it: Generation,
  key: RolledKeyName,
  observed: Observation,
  times: RolloverTimes,
): PlannedStep | Wait | undefined {
  const { generation, phase } = it;
  if (phase === 'prepared') return { kind: 'publish', key, generation };
  if (phase === 'published') return waitToSign(it, key, observed, times) ?? { kind: 'sign', key, generation };
  if (phase === 'draining') return waitToDistrust(it, key, observed, times) ?? { kind: 'distrust', key, generation };
  return undefined;
}

function waitToSign(
  { generation, sinceMs, publishedIn = 0 }: Generation,
  key: RolledKeyName,
  { nowMs, inFeed, consumers }: Observation,
  times: RolloverTimes,
): Wait | undefined {
  const wait = { key, generation, next: 'sign' } as const;
  if (inFeed < publishedIn) return { ...wait, reason: 'not-in-feed' };
  const behind = consumers.filter(({ bundleSequence = 0 }) => bundleSequence < publishedIn);
  if (behind.length > 0) {
    const untilMs = Math.max(...behind.map((consumer) => consumer.untilMs));
    return { ...wait, reason: 'consumers-behind', untilMs, consumers: behind };
  }
  const untilMs = sinceMs + times.publishedForMs;
  return nowMs < untilMs ? { ...wait, reason: 'published-too-briefly', untilMs } : undefined;
}

function waitToDistrust(
  { generation, sinceMs }: Generation,
  key: RolledKeyName,
  { nowMs, coveredUntilMs, consumers }: Observation,
  times: RolloverTimes,
): Wait | undefined {
  const least = sinceMs + (key === 'jwt' ? times.jwtDrainedForMs : times.drainedForMs);
  const covered = key === 'root' ? (coveredUntilMs.get(generation) ?? 0) : 0;
  const untilMs = Math.max(least, covered);
  if (nowMs >= untilMs) return undefined;
  const still = consumers.filter(({ root }) => key === 'root' && root === generation);
  const wait = { key, generation, next: 'distrust', reason: 'certificates-count', untilMs } as const;
  return still.length === 0 ? wait : { ...wait, consumers: still };
}

function isSuccessorDue(state: AuthorityState, key: RolledKeyName, nowMs: number, times: RolloverTimes): boolean {
  if (comingOf(state, key) !== undefined) return false;
  const signing = signingOf(state, key);
  if (key === 'jwt') return nowMs >= signing.sinceMs + times.jwtSignsForMs;
  const { notBeforeMs } = readOwnCertificate(certificateOf(signing));
  const notAfterMs = endOf(state);
  const thirdMs = (notAfterMs - notBeforeMs) / 3;
  const beforeMs =
    signing.anchors === undefined ? times.rootRenewedBeforeMs : Math.min(times.rootRenewedBeforeMs, thirdMs);
  return nowMs >= notAfterMs - beforeMs;
}

/** Of the root that signs: ours, or whatever above it ends first. */
function endOf(state: AuthorityState): number {
  const { chain = [], anchors = [], ...signing } = signingOf(state, 'root');
  const above = [...chain, ...anchors].map((text) => Uint8Array.from(Buffer.from(text, 'base64')));
  return Math.min(...[certificateOf(signing), ...above].map((der) => readOwnCertificate(der).notAfterMs));
}
