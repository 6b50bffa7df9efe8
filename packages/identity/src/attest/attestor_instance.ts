/**
 * An attestor instance: a kind with its settings, as an administrator makes it. Settings name what is trusted (issuers,
 * accounts, clusters) and never hold a secret. An instance that makes agents says how its claims name them.
 */
import { accept, type Result, refuse } from '@postern/result';
import { ATTESTORS } from './attestors.ts';
import { claimNamesOf } from './claim_names.ts';
import {
  checkMembers,
  flag,
  isAccount,
  isClaimName,
  isIssuerUrl,
  isNamespacedName,
  isPem,
  isRegion,
  listOf,
  type Members,
  mapOf,
  matching,
  objectOf,
  oneOf,
  optional,
  type ShapeOf,
  seconds,
  text,
} from './settings_shape.ts';

const HOUR_SECONDS = 3600;
const MAX_AUDIENCE = 1000;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
export type TokenAlgorithm = (typeof ALGORITHMS)[number];

/** Origin or name that a token must be made for; the control plane's URL when absent. */
const audience = optional(text(MAX_AUDIENCE));
/** A token may be this old, whatever it says of its end. */
/** No instance takes an older proof. */
export const MAX_PROOF_AGE_SECONDS = 24 * HOUR_SECONDS;
const maxAgeSeconds = optional(seconds(60, MAX_PROOF_AGE_SECONDS));

/** The shape of each kind's settings. Unknown members are refused: a misspelt bound would be no bound. */
const SETTINGS = {
  'aws-iam': { accounts: listOf(isAccount, 1, 500) },
  'aws-sts': {
    /** Account → its STS issuer. */
    issuers: mapOf(isAccount, isIssuerUrl, 500),
    organization: optional(matching(/^o-[a-z0-9]{10,32}$/)),
    audience,
    maxAgeSeconds,
  },
  'aws-ec2': {
    accounts: listOf(isAccount, 1, 500),
    regions: optional(listOf(isRegion, 1, 100)),
    /** From the instance's start; it cannot be proven later. */
    maxAgeSeconds,
    /** Of Regions that are not built in, PEM. */
    certificates: optional(mapOf(isRegion, isPem, 20)),
  },
  k8s: {
    audience,
    review: optional(
      objectOf({
        url: isIssuerUrl,
        /** Of the API server, PEM; the machine's own authorities when absent. */
        ca: optional(isPem),
        /** Name of a secret: the token of an account that may create TokenReviews. */
        tokenSecret: matching(NAME),
      }),
    ),
    issuer: optional(isIssuerUrl),
    namespaces: optional(listOf(text(63), 1, 200)),
    /** `NAMESPACE/NAME`. */
    serviceAccounts: optional(listOf(isNamespacedName, 1, 200)),
    maxAgeSeconds,
  },
  oidc: {
    issuer: isIssuerUrl,
    audience,
    algorithms: optional(listOf(oneOf(...ALGORITHMS), 1, ALGORITHMS.length)),
    /** Whether the audience must end with `#` and the thumbprint of the request's key. */
    bindsKey: optional(flag),
    /** Claim → the values that are let in. */
    required: mapOf(text(256), listOf(text(256), 1, 100), 20),
    /** Name here → claim there: a member's name, or a JSON Pointer (RFC 6901) that begins with `/`. */
    claims: mapOf(isClaimName, text(256), 32),
    maxAgeSeconds,
  },
  'x509-svid': {
    /** Instances whose SVIDs are renewed. */
    renews: listOf(matching(NAME), 1, 50),
    /** Then the workload must be attested again. */
    maxAgeSeconds,
  },
  'join-token': {},
} as const satisfies { readonly [kind: string]: Members };

export type AttestorKind = keyof typeof SETTINGS;
export const ATTESTOR_KINDS = Object.keys(SETTINGS) as readonly AttestorKind[];

const BASE = {
  name: matching(NAME),
  kind: oneOf(...ATTESTOR_KINDS),
  makes: oneOf('workload', 'agent'),
  /** With `makes: agent`: claims in braces, such as `{aws:account}-{aws:instance}`; one path segment. */
  agentName: optional(text(256)),
  /** Whether what it issued for is renewed by an `x509-svid` instance, for a day at most, without another proof. */
  isRenewable: optional(flag),
} as const;

type InputOf<K extends AttestorKind> = Omit<ShapeOf<typeof BASE>, 'kind'> & { readonly kind: K } & ShapeOf<
    (typeof SETTINGS)[K]
  >;
export type AttestorInput = { [K in AttestorKind]: InputOf<K> }[AttestorKind];
export type AttestorInstance = { [K in AttestorKind]: InputOf<K> & { readonly createdAtMs: number } }[AttestorKind];

export type AttestorReason =
  | 'attestor-member'
  | 'attestor-makes'
  | 'attestor-agent-name'
  | 'attestor-review'
  | 'attestor-service-accounts'
  | 'attestor-own-issuer';

/**
 * `input`: from an administrator, untrusted. `attestor-member`: `detail` names the member; `attestor-own-issuer`: a token of
 * ours would prove itself. `audience`: origin of this control plane.
 */
export function checkAttestorInput(
  input: { readonly [member: string]: unknown },
  ports: { readonly audience: string },
): Result<AttestorInput, AttestorReason> {
  const kind = input['kind'];
  if (!BASE.kind(kind)) return refuse('attestor-member', '`kind`');
  const wrong = checkMembers(input, { ...BASE, ...SETTINGS[kind] });
  if (wrong !== undefined) return refuse('attestor-member', wrong);
  const checked = input as unknown as AttestorInput;
  const { makes, agentName } = checked;
  if (!ATTESTORS[kind].makes.includes(makes)) return refuse('attestor-makes', `\`${kind}\` makes no ${makes}`);
  if ((makes === 'agent') !== (agentName !== undefined)) return refuse('attestor-agent-name', 'goes with makes: agent');
  if (agentName !== undefined && claimNamesOf(agentName, knownClaims(checked)) === undefined)
    return refuse('attestor-agent-name', 'claims of this kind in braces, and A-Z a-z 0-9 . _ - between them');
  if (issuersOf(checked).some((issuer) => new URL(issuer).origin === ports.audience))
    return refuse('attestor-own-issuer');
  return checked.kind === 'k8s' ? checkCluster(checked) : accept(checked);
}

function checkCluster(input: InputOf<'k8s'>): Result<AttestorInput, AttestorReason> {
  if (input.review === undefined && input.issuer === undefined)
    return refuse('attestor-review', 'give `review`, or `issuer` where the API server cannot be reached');
  if (input.review !== undefined && !input.review.url.startsWith('https:')) return refuse('attestor-review', 'https');
  // Whatever runs in a pod of the node would be its agent.
  if (input.makes === 'agent' && input.serviceAccounts === undefined)
    return refuse('attestor-service-accounts', 'name those of the agents');
  return accept(input);
}

/** `undefined`: known only when a proof is here. */
function knownClaims(input: AttestorInput): readonly string[] {
  return input.kind === 'oidc'
    ? Object.keys(input.claims).map((name) => `oidc:${name}`)
    : (ATTESTORS[input.kind].claims ?? []);
}

function issuersOf(input: AttestorInput): readonly string[] {
  if (input.kind === 'aws-sts') return Object.values(input.issuers);
  if (input.kind === 'oidc') return [input.issuer];
  return input.kind === 'k8s' && input.issuer !== undefined ? [input.issuer] : [];
}
