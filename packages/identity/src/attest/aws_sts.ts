/**
 * JWTs of AWS STS `GetWebIdentityToken`: what an AWS principal shows outside of AWS. Each account has an issuer of its own,
 * which comes from the instance's registry and is never taken from the token; the token is for one key, by its audience
 * or a request tag. Layout: AWS IAM User Guide, "Understanding token claims" of outbound identity federation.
 */
import { refuse } from '@postern/result';
import type { JsonObject } from '@postern/spiffe';
import type { Attestor, Evidence } from './attestor.ts';
import { createAttestation, type Facts, memberOf } from './facts.ts';
import { audienceOf, boundAudience, checkTokenTimes, isOwnToken, parseToken, verifyTokenSignature } from './token.ts';

/** Where STS puts everything that is not of OpenID Connect. */
const NAMESPACE = 'https://sts.amazonaws.com/';
/** A request tag with the thumbprint of the request's key, for whom the audience is fixed by IAM policy. */
export const KEY_TAG = 'postern-key';
const ALGORITHMS = ['ES384', 'RS256'];
const DEFAULT_MAX_AGE_SECONDS = 600;
const MAX_TAGS = 50;
const SUBJECT = /^arn:aws[a-z-]{0,16}:iam::(\d{12}):(role|user)\/(?:[\x21-\x7e]{1,511}\/)?([\w+=,.@-]{1,64})$/;
const FUNCTION_ARN = /^arn:aws[a-z-]{0,16}:lambda:[a-z0-9-]{1,32}:(\d{12}):function:([\w-]{1,140})(?::[\w$-]{1,128})?$/;
const INSTANCE_ARN = /^arn:aws[a-z-]{0,16}:ec2:[a-z0-9-]{1,32}:(\d{12}):instance\/(i-[0-9a-f]{8,17})$/;
const TAG_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

export const awsSts: Attestor<'aws-sts'> = {
  proves: 'that an IAM role or user of a registered account asked STS for a token for this deployment and this key',
  makes: ['workload', 'agent'],
  claims: [
    'aws:account',
    'aws:arn',
    'aws:role',
    'aws:user',
    'aws:organization',
    'aws:ou',
    'aws:region',
    'aws:function',
    'aws:instance',
    'aws:vpc',
  ],
  async verify(evidence, instance, ports) {
    const token = parseToken(evidence.proof);
    if (!token.ok) return token;
    const { claims, id } = token.value;
    if (isOwnToken(claims, ports)) return refuse('token-own');
    const own = memberOf(claims, NAMESPACE);
    const account = memberOf(own, 'aws_account');
    // The registry says who speaks for the account that the token is about: another account's issuer cannot.
    const issuer = typeof account === 'string' ? memberOf(instance.issuers, account) : undefined;
    if (typeof account !== 'string' || typeof issuer !== 'string') return refuse('account-not-admitted');
    const signed = await verifyTokenSignature(token.value, { issuer, algorithms: ALGORITHMS }, ports);
    if (!signed.ok) return signed;
    const nowMs = ports.clock.nowMs();
    const times = checkTokenTimes(claims, nowMs, instance.maxAgeSeconds ?? DEFAULT_MAX_AGE_SECONDS);
    if (!times.ok) return times;
    const bound = checkBinding(claims, own, evidence, instance.audience ?? ports.audience);
    if (bound !== undefined) return refuse(bound);
    if (instance.organization !== undefined && memberOf(own, 'org_id') !== instance.organization)
      return refuse('organization-not-admitted');
    const facts = factsOf(claims, own, account);
    if (facts === undefined) return refuse('token-claims', 'sub');
    return createAttestation(instance, facts, { id, expiresAtMs: times.value.expiresAtMs });
  },
};

function checkBinding(
  claims: JsonObject,
  own: unknown,
  { keyThumbprint }: Evidence,
  audience: string,
): 'token-audience' | 'proof-key' | undefined {
  const named = audienceOf(claims);
  if (named === boundAudience(audience, keyThumbprint)) return undefined;
  if (named === audience)
    return memberOf(memberOf(own, 'request_tags'), KEY_TAG) === keyThumbprint ? undefined : 'proof-key';
  // For us, and for another key.
  return named?.startsWith(`${audience}#`) === true ? 'proof-key' : 'token-audience';
}

function factsOf(claims: JsonObject, own: unknown, account: string): Facts | undefined {
  const { sub } = claims;
  const [, subjectAccount, kind, name] = (typeof sub === 'string' ? SUBJECT.exec(sub) : undefined) ?? [];
  if (name === undefined || subjectAccount !== account) return undefined;
  return {
    'aws:account': account,
    'aws:arn': sub,
    'aws:role': kind === 'role' ? name : undefined,
    'aws:user': kind === 'user' ? name : undefined,
    'aws:organization': memberOf(own, 'org_id'),
    'aws:ou': memberOf(own, 'ou_path'),
    'aws:region': memberOf(own, 'source_region'),
    'aws:function': nameIn(memberOf(own, 'lambda_source_function_arn'), FUNCTION_ARN, account),
    'aws:instance': nameIn(memberOf(own, 'ec2_source_instance_arn'), INSTANCE_ARN, account),
    'aws:vpc': memberOf(own, 'ec2_instance_source_vpc'),
    ...tagsOf(memberOf(own, 'principal_tags')),
  };
}

/** Of the same account: what runs elsewhere is another account's to name. */
function nameIn(arn: unknown, pattern: RegExp, account: string): string | undefined {
  const [, of, name] = (typeof arn === 'string' ? pattern.exec(arn) : undefined) ?? [];
  return of === account ? name : undefined;
}

/** Tags of the principal are selectors, one by one; request tags are the caller's own word and are none. */
function tagsOf(tags: unknown): Facts {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return {};
  const named = Object.entries(tags)
    .slice(0, MAX_TAGS)
    .filter(([name]) => TAG_NAME.test(name));
  return Object.fromEntries(named.map(([name, value]) => [`aws:tag:${name}`, [value]]));
}
