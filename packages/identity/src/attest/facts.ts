/** Verified facts of a caller → its claims and selectors. One claim is one selector; a list of values is selectors alone. */
import type { Attestation } from '@postern/ca';
import { accept, type Result, refuse } from '@postern/result';
import type { AttestorInstance } from './attestor_instance.ts';

const MAX_CLAIM_LENGTH = 256;
/** As entries have them. */
const MAX_SELECTOR_LENGTH = 512;
const MAX_SELECTORS = 128;

/** Name → what the provider said; what is absent, null or empty is left out. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * Prevents a provider's odd value from passing for another one: texts, numbers and booleans of at most 256 characters
 * without control characters, or lists of them; anything else refuses the proof.
 */
export function createAttestation(
  instance: AttestorInstance,
  facts: Facts,
  proof: { readonly id: string; readonly expiresAtMs: number },
): Result<Attestation, 'claim-malformed'> {
  const claims = new Map<string, string>();
  const selectors = new Set<string>();
  for (const [name, fact] of Object.entries(facts)) {
    if (fact === undefined || fact === null || fact === '') continue;
    const values = Array.isArray(fact) ? fact : [fact];
    for (const each of values) {
      const value = textOf(each);
      const selector = value === undefined ? undefined : formatSelector(name, value);
      if (value === undefined || selector === undefined) return refuse('claim-malformed', name);
      if (!Array.isArray(fact)) claims.set(name, value);
      selectors.add(selector);
    }
  }
  if (selectors.size > MAX_SELECTORS) return refuse('claim-malformed', 'too many');
  const { name: attestor, kind } = instance;
  const { id: proofId, expiresAtMs } = proof;
  return accept({ attestor, kind, selectors: [...selectors].sort(), claims, proofId, expiresAtMs });
}

/** `name:value`, each byte outside of printable ASCII, and `%` itself, as `%XX`: two values never make one selector. */
function formatSelector(name: string, value: string): string | undefined {
  const encoded = Buffer.from(value)
    .toString('latin1')
    .replace(/[^\x21-\x24\x26-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  const selector = `${name}:${encoded}`;
  return selector.length <= MAX_SELECTOR_LENGTH ? selector : undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value);
  const isText = typeof value === 'string' && value.length > 0 && value.length <= MAX_CLAIM_LENGTH;
  return isText && value.isWellFormed() && !/[\x00-\x1f\x7f]/.test(value) ? value : undefined;
}

/** A member of an object that a provider signed; `undefined` when there is none. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as { readonly [name: string]: unknown })[name]
    : undefined;
}
