/** A state of the authority and what it waits for, as operators read it. */
import { createHash } from 'node:crypto';
import type { AuthorityGeneration, AuthorityStatus } from '@postern/api';
import {
  type AuthorityState,
  certificateOf,
  type Generation,
  type Plan,
  type PlannedStep,
  readOwnCertificate,
  type Step,
  spkiOf,
} from '@postern/ca';
import { type RolledKeyName, thumbprintOfSpki } from '@postern/keys';

const MAX_NAMED_CONSUMERS = 100;

export function statusOf(state: AuthorityState, { step, waits }: Plan, consumerCount: number): AuthorityStatus {
  const { trustDomain, sequence, bundleSequence, keys, foreign } = state;
  return {
    trustDomain,
    sequence,
    bundleSequence,
    keys: { root: keys.root.map(rootOf), jwt: keys.jwt.map((it) => generationOf(it, thumbprintOfSpki(spkiOf(it)))) },
    waits: waits.map(({ consumers, ...wait }) => ({
      ...wait,
      ...(consumers !== undefined && {
        consumers: consumers.slice(0, MAX_NAMED_CONSUMERS),
        consumerCount: consumers.length,
      }),
    })),
    ...(step !== undefined && { next: { step: step.kind, ...whichOf(step) } }),
    consumerCount,
    foreign: foreign.map(({ digest, by, addedAtMs }) => ({ digest, by, addedAtMs })),
  };
}

function rootOf(it: Generation): AuthorityGeneration {
  const certificate = readOwnCertificate(certificateOf(it));
  const anchors = it.anchors?.map((text) => Buffer.from(text, 'base64')) ?? [certificateOf(it)];
  return {
    ...generationOf(it, certificate.subjectKeyId ?? ''),
    notAfterMs: certificate.notAfterMs,
    anchorDigest: createHash('sha256')
      .update(anchors.at(-1) ?? certificate.der)
      .digest('hex'),
  };
}

function generationOf(it: Generation, keyId: string): AuthorityGeneration {
  const { generation, phase, sinceMs, madeAtMs, override } = it;
  return { generation, phase, sinceMs, madeAtMs, keyId, ...(override !== undefined && { override }) };
}

const whichOf = (step: PlannedStep | Step): { readonly key?: RolledKeyName; readonly generation?: number } =>
  'key' in step ? { key: step.key, generation: step.generation } : {};

/** Such as `sign root 2`. */
export function stepText(step: PlannedStep | Step): string {
  const { key, generation } = whichOf(step);
  return [step.kind, key, generation].filter((part) => part !== undefined).join(' ');
}
