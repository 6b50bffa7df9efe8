/** `org/**.cedar` and `teams/<team>/**.cedar`: text to Cedar's JSON policy format, with ids and annotations. */
import type { PolicyJson } from '../cedar/index.ts';
import { parseChallenge } from '../challenge.ts';
import { parseObligation } from '../obligation.ts';
import { MAX_POLICIES, MAX_POLICY_ID_CHARS } from '../release/release_shape.ts';
import { parseTell } from '../tell.ts';
import { parsePolicy } from './cedar_wasm.ts';
import { whyTooComplex } from './expression_bounds.ts';
import type { Problems } from './problem.ts';
import type { PolicySource } from './repository.ts';
import { columnOf, lineOf, type Place } from './source.ts';
import { splitPolicies } from './split_policies.ts';

export interface PolicyFile {
  readonly id: string;
  readonly place: Place;
  /** `undefined`: a guardrail of the organisation. */
  readonly team: string | undefined;
  readonly json: PolicyJson;
  readonly annotations: { readonly [name: string]: string };
}

/** Ids stand in records, headers and command lines. */
const ID = /^[\x21-\x7e]+$/;

export function readPolicies(sources: readonly PolicySource[], problems: Problems): readonly PolicyFile[] {
  const policies: PolicyFile[] = [];
  const ids = new Map<string, PolicyFile>();
  for (const { source, team } of sources) {
    for (const place of splitPolicies(source)) {
      if (policies.length >= MAX_POLICIES) {
        problems.error('policy-too-many', place, `more than ${MAX_POLICIES} policies`);
        return policies;
      }
      // Beyond these no problem is listed: a file of nothing but semicolons would be read for a minute.
      if (problems.isFull) return policies;
      const policy = readPolicy(place, team, problems);
      if (policy === undefined) continue;
      const other = ids.get(policy.id);
      if (other !== undefined) {
        const where = `${other.place.source.file}:${lineOf(other.place)}`;
        problems.error('policy-id-duplicate', place, `the id \`${policy.id}\` is taken by ${where}`);
        continue;
      }
      ids.set(policy.id, policy);
      policies.push(policy);
    }
  }
  return policies;
}

function readPolicy(place: Place, team: string | undefined, problems: Problems): PolicyFile | undefined {
  const complexity = whyTooComplex(place);
  if (complexity !== undefined) {
    problems.error('policy-too-complex', place, complexity);
    return undefined;
  }
  const parsed = parsePolicy(place);
  if (parsed.kind === 'template') {
    problems.error('policy-template', place, 'templates cannot be linked here; write the policy out');
    return undefined;
  }
  if (parsed.kind === 'malformed') {
    for (const { place: at, message } of parsed.messages) problems.error('policy-malformed', at, message);
    return undefined;
  }
  const { json } = parsed;
  const annotations = Object.fromEntries(
    Object.entries(json.annotations ?? {}).map(([name, text]) => [name, text ?? '']),
  );
  checkAnnotations(json.effect, annotations, place, problems);
  const given = annotations['id'];
  if (given !== undefined && (given.length > MAX_POLICY_ID_CHARS || !ID.test(given))) {
    problems.error('policy-id', place, `\`@id\` holds 1 to ${MAX_POLICY_ID_CHARS} printable characters without spaces`);
    return undefined;
  }
  const id = given ?? `${place.source.file}:${lineOf(place)}:${columnOf(place)}`;
  return { id, place, team, json, annotations };
}

/** An annotation that would be passed over at run time is a mistake now. */
function checkAnnotations(
  effect: PolicyJson['effect'],
  annotations: PolicyFile['annotations'],
  place: Place,
  problems: Problems,
): void {
  const { challenge, obligation, tell } = annotations;
  if (challenge !== undefined && effect === 'permit') {
    problems.error('policy-annotation', place, '`@challenge` belongs to a forbid: it names the way out of it');
  } else if (challenge !== undefined && parseChallenge(challenge) === undefined) {
    problems.error('policy-annotation', place, '`@challenge` is `step-up:SECONDS`, from 1 to ten years');
  }
  if (parseTell(tell) === undefined) {
    problems.error('policy-annotation', place, '`@tell` is `caller`, or is left out: then only the operator is told');
  }
  if (obligation !== undefined && effect === 'forbid') {
    problems.error('policy-annotation', place, '`@obligation` belongs to a permit: it is what an allow demands');
  } else if (obligation !== undefined && parseObligation(obligation) === undefined) {
    const forms = '`set-header:NAME=VALUE` or `remove-header:NAME`';
    const names = 'a name in lower case that is not for the proxy (`host`, `x-envoy-…`) or the broker (`x-postern-…`)';
    problems.error('policy-annotation', place, `\`@obligation\` is ${forms}, with ${names}`);
  }
}
