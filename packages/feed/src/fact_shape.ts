/** Checks that what claims to be a fact has the shape of its kind, before anything is done with it. */
import { accept, type Result, refuse } from '@postern/result';
import type { Fact } from './facts.ts';

export const MAX_FACT_BYTES = 128 * 1024;
const MAX_SUBJECT_BYTES = 2048;

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string' && value.length <= MAX_FACT_BYTES;
const time: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const bool: Check = (value) => typeof value === 'boolean';
const keySet: Check = (value) =>
  typeof value === 'object' && value !== null && Array.isArray((value as { keys?: unknown }).keys);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

/** One row per kind: its members beyond the header's. */
const SHAPES: { readonly [K in Fact['kind']]: { readonly [member: string]: Check } } = {
  'trust-bundle': { bundle: text },
  'issuer-certificate': { certificate: text },
  'token-keys': { jwks: keySet },
  posture: {
    source: text,
    compliant: bool,
    managed: bool,
    diskEncrypted: optional(bool),
    platform: optional(text),
    osVersion: optional(text),
  },
  revocation: { notBeforeMs: time, reason: text, reasonCode: optional(text) },
};

export type FactReason = 'fact-malformed' | 'fact-kind-unknown' | 'fact-too-large';

/** `value` is untrusted JSON. An unknown kind is told apart: an older follower skips what a newer control plane says. */
export function checkFact(value: unknown): Result<Fact, FactReason> {
  if (typeof value !== 'object' || value === null) return refuse('fact-malformed');
  const fact = value as { readonly [member: string]: unknown };
  if (JSON.stringify(fact).length > MAX_FACT_BYTES) return refuse('fact-too-large');
  if (typeof fact.subject !== 'string' || fact.subject === '' || Buffer.byteLength(fact.subject) > MAX_SUBJECT_BYTES)
    return refuse('fact-malformed', 'subject');
  if (!time(fact.observedAtMs) || !time(fact.expiresAtMs)) return refuse('fact-malformed', 'time');
  if (typeof fact.kind !== 'string' || !Object.hasOwn(SHAPES, fact.kind)) return refuse('fact-kind-unknown');
  for (const [member, check] of Object.entries(SHAPES[fact.kind as Fact['kind']])) {
    if (!check(fact[member])) return refuse('fact-malformed', member);
  }
  return accept(fact as unknown as Fact);
}
