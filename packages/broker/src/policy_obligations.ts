/** Obligations and challenges that policies state in annotations. */
import { parseChallenge, parseObligation } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { Obligation } from './decision.ts';

/**
 * Reads `@obligation("…")` of the permits that allowed. One that is not understood turns the allow into a denial: the
 * permit was given under a condition nobody would meet. Publishing refuses such; a release may be older or newer than that.
 */
export function parsePolicyObligations(
  annotations: readonly string[],
): Result<readonly Obligation[], 'obligation-unknown'> {
  const obligations: Obligation[] = [];
  for (const annotation of annotations) {
    const obligation = parseObligation(annotation);
    if (obligation === undefined) return refuse('obligation-unknown', annotation.slice(0, 128));
    obligations.push(obligation);
  }
  return accept(obligations);
}

/**
 * The way out of a challenge: `step-up:SECONDS`, the shortest of several. `undefined` when none is understood; then
 * there is no way out and the challenge is a denial.
 */
export function parseStepUp(challenges: readonly string[]): Obligation | undefined {
  const ages = challenges.map(parseChallenge).filter((age) => age !== undefined);
  if (ages.length === 0 || ages.length < challenges.length) return undefined;
  return { kind: 'step-up', maxAgeSeconds: Math.min(...ages) };
}
