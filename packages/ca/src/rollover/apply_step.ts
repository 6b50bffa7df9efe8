/**
 * Makes the next state out of a state and a step. Every rule of the order of phases is here, whoever asks for the step: a
 * root that was not published signs nothing, and there is always exactly one that signs.
 */
import type { RolledKeyName } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { readOwnCertificate } from '../root.ts';
import { bundleOf } from './authority_bundle.ts';
import {
  type AuthorityState,
  comingOf,
  type ForeignAnchor,
  type Generation,
  generationOf,
  type Override,
} from './authority_state.ts';

export type Step =
  | {
      readonly kind: 'prepare';
      readonly key: RolledKeyName;
      readonly generation: number;
      readonly spki: string;
      readonly certificate?: string;
      readonly chain?: readonly string[];
      readonly anchors?: readonly string[];
    }
  | { readonly kind: 'publish'; readonly key: RolledKeyName; readonly generation: number }
  | {
      readonly kind: 'sign';
      readonly key: RolledKeyName;
      readonly generation: number;
      readonly override?: Override;
    }
  | {
      readonly kind: 'distrust';
      readonly key: RolledKeyName;
      readonly generation: number;
      readonly override?: Override;
    }
  | { readonly kind: 'add-foreign'; readonly anchor: ForeignAnchor }
  | { readonly kind: 'remove-foreign'; readonly digest: string };

/**
 * `one-at-a-time`: a generation is on its way already · `generation-order`: not the next number · `not-prepared`,
 * `not-published`: it is not in the phase before · `no-successor`: the one that signs cannot be distrusted while no other is
 * published · `already-distrusted` · `generation-unknown` · `anchor-known`, `anchor-unknown`, `anchors-too-many` ·
 * `anchor-own`: of a key of ours, which would be believed after it is distrusted.
 */
export type StepReason =
  | 'one-at-a-time'
  | 'generation-order'
  | 'generation-unknown'
  | 'not-prepared'
  | 'not-published'
  | 'no-successor'
  | 'already-distrusted'
  | 'anchor-known'
  | 'anchor-own'
  | 'anchor-unknown'
  | 'anchors-too-many';

/** Of each key; older ones are forgotten, and with them the join tokens that pinned them. */
const MAX_DISTRUSTED = 8;
const MAX_FOREIGN = 16;

/** Pure. Cost: none. */
export function applyStep(state: AuthorityState, step: Step, nowMs: number): Result<AuthorityState, StepReason> {
  const changed = change(state, step, nowMs);
  if (!changed.ok) return changed;
  const next = { ...state, ...changed.value, sequence: state.sequence + 1, atMs: nowMs };
  const isOther = fingerprint(next) !== fingerprint(state);
  return accept({ ...next, bundleSequence: state.bundleSequence + (isOther ? 1 : 0) });
}

type Change = Pick<AuthorityState, 'keys' | 'foreign'>;

function change(state: AuthorityState, step: Step, nowMs: number): Result<Change, StepReason> {
  if (step.kind === 'add-foreign') {
    if (state.foreign.some(({ digest }) => digest === step.anchor.digest)) return refuse('anchor-known');
    if (isOwn(state, [step.anchor.certificate])) return refuse('anchor-own');
    if (state.foreign.length >= MAX_FOREIGN) return refuse('anchors-too-many');
    return accept({ ...state, foreign: [...state.foreign, step.anchor] });
  }
  if (step.kind === 'remove-foreign') {
    const foreign = state.foreign.filter(({ digest }) => digest !== step.digest);
    return foreign.length === state.foreign.length ? refuse('anchor-unknown') : accept({ ...state, foreign });
  }
  const generations = changeKey(state, step, nowMs);
  if (!generations.ok) return generations;
  return accept({ ...state, keys: { ...state.keys, [step.key]: forgetOldest(generations.value) } });
}

function changeKey(
  state: AuthorityState,
  step: Extract<Step, { readonly key: RolledKeyName }>,
  nowMs: number,
): Result<readonly Generation[], StepReason> {
  const all = state.keys[step.key];
  const sinceMs = nowMs;
  if (step.kind === 'prepare') {
    const { kind: _, key: __, ...made } = step;
    if (comingOf(state, step.key) !== undefined) return refuse('one-at-a-time');
    if (made.generation !== nextGeneration(state, step.key)) return refuse('generation-order');
    if (isOwn(state, [...(made.chain ?? []), ...(made.anchors ?? [])])) return refuse('anchor-own');
    return accept([...all, { ...made, phase: 'prepared', sinceMs, madeAtMs: nowMs }]);
  }
  const known = generationOf(state, step.key, step.generation);
  if (known === undefined) return refuse('generation-unknown');
  const moved = (generation: number, to: (generation: Generation) => Generation) =>
    all.map((any) => (any.generation === generation ? to(any) : any));
  switch (step.kind) {
    case 'publish':
      if (known.phase !== 'prepared') return refuse('not-prepared');
      return accept(
        moved(known.generation, (it) => ({
          ...it,
          phase: 'published',
          sinceMs,
          publishedIn: state.bundleSequence + 1,
        })),
      );
    case 'sign':
      if (known.phase !== 'published') return refuse('not-published');
      return accept(handOver(all, known.generation, nowMs, step.override));
    case 'distrust': {
      if (known.phase === 'distrusted') return refuse('already-distrusted');
      let left = all;
      if (known.phase === 'signing') {
        const successor = all.find(({ phase }) => phase === 'published');
        if (successor === undefined) return refuse('no-successor');
        left = handOver(all, successor.generation, nowMs, step.override);
      }
      return accept(left.map((it) => (it.generation === known.generation ? distrusted(it, nowMs, step.override) : it)));
    }
  }
}

export function nextGeneration(state: AuthorityState, key: RolledKeyName): number {
  return Math.max(...state.keys[key].map(({ generation }) => generation)) + 1;
}

/** Whether one of these certificates is for a root key of ours, of whatever phase. Base64 DER. */
function isOwn(state: AuthorityState, certificates: readonly string[]): boolean {
  const own = new Set(state.keys.root.map(({ spki }) => spki));
  const keys = certificates.map((text) => readOwnCertificate(Uint8Array.from(Buffer.from(text, 'base64'))).spki);
  return keys.some((spki) => own.has(Buffer.from(spki).toString('base64')));
}

function handOver(
  all: readonly Generation[],
  to: number,
  nowMs: number,
  override: Override | undefined,
): readonly Generation[] {
  return all.map((it): Generation => {
    if (it.generation === to) return { ...it, phase: 'signing', sinceMs: nowMs, ...(override && { override }) };
    return it.phase === 'signing' ? { ...it, phase: 'draining', sinceMs: nowMs } : it;
  });
}

function distrusted(it: Generation, nowMs: number, override: Override | undefined): Generation {
  return { ...it, phase: 'distrusted', sinceMs: nowMs, ...(override && { override }) };
}

function forgetOldest(all: readonly Generation[]): readonly Generation[] {
  const over = all.filter(({ phase }) => phase === 'distrusted').length - MAX_DISTRUSTED;
  let forgotten = 0;
  return all.filter(({ phase }) => phase !== 'distrusted' || forgotten++ >= over);
}

/** What the bundle says, but for its number; the order is part of it. */
function fingerprint(state: AuthorityState): string {
  const { x509Authorities, jwtAuthorities } = bundleOf(state);
  return JSON.stringify([
    x509Authorities.map((der) => Buffer.from(der).toString('base64')),
    jwtAuthorities.map(({ keyId }) => keyId),
  ]);
}
