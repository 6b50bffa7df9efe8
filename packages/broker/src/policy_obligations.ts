/** Obligations and challenges that policies state in annotations. */
import { accept, type Result, refuse } from '@postern/result';
import type { Obligation } from './decision.ts';

/** RFC 9110 5.6.2, lower case. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/;
/** Message framing and routing belong to the proxy, identity headers to the broker. */
const UNTOUCHABLE = /^(?:host|content-length|transfer-encoding|connection|te|trailer|upgrade|x-envoy-.*|x-postern-.*)$/;
const MAX_VALUE_LENGTH = 1024;

/**
 * Reads `@obligation("set-header:NAME=VALUE")` and `@obligation("remove-header:NAME")` of the permits that allowed. One
 * that is not understood turns the allow into a denial: the permit was given under a condition nobody would meet.
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

function parseObligation(annotation: string): Obligation | undefined {
  const match = /^(set-header|remove-header):([^=]*)(?:=(.*))?$/.exec(annotation);
  const [, kind, name = '', value] = match ?? [];
  if (!HEADER_NAME.test(name) || UNTOUCHABLE.test(name)) return undefined;
  if (kind === 'remove-header') return value === undefined ? { kind, name } : undefined;
  if (kind !== 'set-header' || value === undefined) return undefined;
  return value.length <= MAX_VALUE_LENGTH && /^[\x20-\x7e]*$/.test(value) ? { kind, name, value } : undefined;
}

/**
 * The way out of a challenge: `step-up:SECONDS`, the shortest of several. `undefined` when none is understood; then
 * there is no way out and the challenge is a denial.
 */
export function parseStepUp(challenges: readonly string[]): Obligation | undefined {
  const ages = challenges.map((challenge) => /^step-up:([0-9]{1,9})$/.exec(challenge)?.[1]);
  if (ages.length === 0 || ages.includes(undefined)) return undefined;
  return { kind: 'step-up', maxAgeSeconds: Math.min(...ages.map(Number)) };
}
