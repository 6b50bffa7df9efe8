/**
 * Projected service-account tokens of Kubernetes, made for this deployment. Where the API server can be reached it reviews
 * each one; elsewhere the cluster's issuer vouches by its keys, and a short age takes the place of the review.
 */
import { accept, type Result, refuse } from '@postern/result';
import type { JsonObject } from '@postern/spiffe';
import type { AttestationReason, Attestor, AttestPorts, InstanceOf } from './attestor.ts';
import { createAttestation, memberOf } from './facts.ts';
import {
  audienceOf,
  checkTokenTimes,
  isOwnToken,
  type ParsedToken,
  parseToken,
  verifyTokenSignature,
} from './token.ts';

const ALGORITHMS = ['RS256', 'ES256', 'ES384'];
/** Without a review a deleted pod's token counts until it is this old: the shortest that a kubelet makes. */
const UNREVIEWED_MAX_AGE_SECONDS = 600;
const REVIEWED_MAX_AGE_SECONDS = 3600;
/** RFC 1123 names, as Kubernetes has them. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const OBJECT_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

export const k8s: Attestor<'k8s'> = {
  proves: 'that the caller holds the token of a pod’s service account; with a review, that the pod is there now',
  makes: ['workload', 'agent'],
  claims: ['k8s:ns', 'k8s:sa', 'k8s:sa_uid', 'k8s:pod', 'k8s:pod_uid', 'k8s:node', 'k8s:node_uid'],
  async verify(evidence, instance, ports) {
    const token = parseToken(evidence.proof);
    if (!token.ok) return token;
    const { claims, id } = token.value;
    if (isOwnToken(claims, ports)) return refuse('token-own');
    const account = readAccount(claims);
    if (account === undefined) return refuse('token-claims', 'kubernetes.io');
    const audience = instance.audience ?? ports.audience;
    // Before anybody is asked: a token for another is not ours to show to an API server.
    if (audienceOf(claims) !== audience) return refuse('token-audience');
    const isReviewed = instance.review !== undefined;
    const usual = isReviewed ? REVIEWED_MAX_AGE_SECONDS : UNREVIEWED_MAX_AGE_SECONDS;
    const times = checkTokenTimes(claims, ports.clock.nowMs(), instance.maxAgeSeconds ?? usual);
    if (!times.ok) return times;
    const vouched = await vouch(token.value, evidence.proof as string, account, audience, instance, ports);
    if (!vouched.ok) return vouched;
    if (!isAdmitted(account, instance)) return refuse('service-account-not-admitted');
    const inside = memberOf(claims, 'kubernetes.io');
    const facts = {
      'k8s:ns': account.namespace,
      'k8s:sa': account.name,
      'k8s:sa_uid': memberOf(memberOf(inside, 'serviceaccount'), 'uid'),
      'k8s:pod': memberOf(memberOf(inside, 'pod'), 'name'),
      'k8s:pod_uid': memberOf(memberOf(inside, 'pod'), 'uid'),
      'k8s:node': memberOf(memberOf(inside, 'node'), 'name'),
      'k8s:node_uid': memberOf(memberOf(inside, 'node'), 'uid'),
    };
    return createAttestation(instance, facts, { id, expiresAtMs: times.value.expiresAtMs });
  },
};

interface Account {
  readonly namespace: string;
  readonly name: string;
}

function readAccount(claims: JsonObject): Account | undefined {
  const inside = memberOf(claims, 'kubernetes.io');
  const [namespace, name] = [memberOf(inside, 'namespace'), memberOf(memberOf(inside, 'serviceaccount'), 'name')];
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace)) return undefined;
  if (typeof name !== 'string' || !OBJECT_NAME.test(name)) return undefined;
  // Said twice; a token that says two things is nobody's.
  return claims['sub'] === usernameOf({ namespace, name }) ? { namespace, name } : undefined;
}

const usernameOf = ({ namespace, name }: Account) => `system:serviceaccount:${namespace}:${name}`;

async function vouch(
  token: ParsedToken,
  text: string,
  account: Account,
  audience: string,
  instance: InstanceOf<'k8s'>,
  ports: AttestPorts,
): Promise<Result<void, AttestationReason>> {
  const { review, issuer } = instance;
  if (review === undefined)
    return issuer === undefined
      ? refuse('attestor-unavailable', 'no issuer')
      : verifyTokenSignature(token, { issuer, algorithms: ALGORITHMS }, ports);
  if (issuer !== undefined && token.claims['iss'] !== issuer) return refuse('token-issuer');
  const reviewed = await ports.tokenReviews.review(review, text, audience);
  if (!reviewed.ok) return reviewed;
  return reviewed.value === usernameOf(account) ? accept(undefined) : refuse('token-claims', 'username');
}

function isAdmitted({ namespace, name }: Account, { namespaces, serviceAccounts }: InstanceOf<'k8s'>): boolean {
  const isNamespace = namespaces === undefined || namespaces.includes(namespace);
  return isNamespace && (serviceAccounts === undefined || serviceAccounts.includes(`${namespace}/${name}`));
}
