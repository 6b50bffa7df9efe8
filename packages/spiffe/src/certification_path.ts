/** Certification paths (RFC 5280 6.1): from a leaf to an authority that is trusted for it. The signature check is a parameter. */
import { accept, type Result, refuse } from '@postern/result';
import type { AlgorithmIdentifier, Certificate } from './certificate.ts';
import { EKU_ANY, EKU_CLIENT_AUTH, EKU_SERVER_AUTH } from './extensions.ts';
import { isWithinConstraints } from './name_constraints.ts';
import { equalBytes } from './octets.ts';
import { checkIssuer, type SigningCertificateReason } from './x509_svid.ts';

/** `@postern/keys` implements it. Answers false for whatever cannot be verified. */
export type VerifySignature = (input: {
  readonly spki: Uint8Array;
  readonly algorithm: AlgorithmIdentifier;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}) => boolean;

export interface CertificationPathInput {
  /** Its own validity and profile are the caller's to check. */
  readonly leaf: Certificate;
  /** The trust anchors; their own validity and constraints count too. */
  readonly authorities: readonly Certificate[];
  /** Candidates between the two; untrusted. */
  readonly intermediates: readonly Certificate[];
  readonly nowMs: number;
  readonly skewMs: number;
  readonly verifySignature: VerifySignature;
}

export type CertificationPathReason =
  | SigningCertificateReason
  | 'issuer-unknown'
  | 'issuer-signature'
  | 'issuer-expired'
  | 'issuer-not-yet-valid'
  | 'issuer-extended-key-usage'
  | 'issuer-path-length'
  | 'issuer-name-constraints'
  | 'path-too-long'
  | 'path-search-exhausted';

/** Certificates on a path, the authority not counted. */
export const MAX_CHAIN = 4;
/** Signature checks per leaf: bounds the work that a crafted set of equally named issuers causes. */
const MAX_SIGNATURE_CHECKS = 16;

/**
 * Searches depth first, each step verified before the next. Answers the path, leaf first and authority last. The reason
 * of a refusal is that of the candidate that came furthest: `issuer-unknown` only when no name and key id fitted.
 * Revocation is not looked at here; decision points follow it through the feed.
 */
export function findCertificationPath(
  input: CertificationPathInput,
): Result<readonly Certificate[], CertificationPathReason> {
  const search: Search = { input, checksLeft: MAX_SIGNATURE_CHECKS, reason: 'issuer-unknown', depth: 0 };
  const path = extend(search, [input.leaf]);
  return path === undefined ? refuse(search.reason) : accept(path);
}

/** Whether the clock is within validity; both ends included, in whole seconds as certificates count (RFC 5280 4.1.2.5). */
export function checkValidity(
  certificate: Pick<Certificate, 'notBeforeMs' | 'notAfterMs'>,
  nowMs: number,
  skewMs: number,
): Result<void, 'expired' | 'not-yet-valid'> {
  const secondMs = Math.floor(nowMs / 1000) * 1000;
  // Written so that a time that is no number is outside.
  if (!(secondMs <= certificate.notAfterMs + skewMs)) return refuse('expired');
  return secondMs >= certificate.notBeforeMs - skewMs ? accept(undefined) : refuse('not-yet-valid');
}

interface Search {
  readonly input: CertificationPathInput;
  checksLeft: number;
  reason: CertificationPathReason;
  /** Length of the path at which `reason` was found. */
  depth: number;
}

/** `path`: verified so far, leaf first. Answers the whole path to an authority. */
function extend(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  const { authorities, intermediates } = search.input;
  for (const authority of authorities) if (isNext(search, authority, path)) return [...path, authority];
  for (const intermediate of intermediates) {
    if (path.includes(intermediate) || !isNext(search, intermediate, path)) continue;
    const whole = extend(search, [...path, intermediate]);
    if (whole !== undefined) return whole;
  }
  return undefined;
}

/** Whether `issuer` issued the last certificate of the path and was entitled to (RFC 5280 6.1.3, 6.1.4). */
function isNext(search: Search, issuer: Certificate, path: readonly Certificate[]): boolean {
  if (!isNamedBy(issuer, path[path.length - 1] as Certificate)) return false;
  const reason = entitlementReason(search.input, issuer, path) ?? signatureReason(search, issuer, path);
  if (reason === undefined) return true;
  if (path.length >= search.depth) {
    search.depth = path.length;
    search.reason = reason;
  }
  return false;
}

/** By key id where both have one, and by name: an issuer that is not meant costs no signature check. */
function isNamedBy(issuer: Certificate, subject: Certificate): boolean {
  const { subjectKeyId } = issuer;
  const { authorityKeyId } = subject;
  if (subjectKeyId !== undefined && authorityKeyId !== undefined && subjectKeyId !== authorityKeyId) return false;
  return equalBytes(issuer.subject, subject.issuer);
}

function entitlementReason(
  { authorities, nowMs, skewMs }: CertificationPathInput,
  issuer: Certificate,
  path: readonly Certificate[],
): CertificationPathReason | undefined {
  if (path.length === MAX_CHAIN && !authorities.includes(issuer)) return 'path-too-long';
  const profile = checkIssuer(issuer);
  if (!profile.ok) return profile.reason;
  const validity = checkValidity(issuer, nowMs, skewMs);
  if (!validity.ok) return `issuer-${validity.reason}`;
  if (!mayIssueWorkloads(issuer)) return 'issuer-extended-key-usage';
  // RFC 5280 6.1.4 l: what a key issued to itself does not lengthen the path.
  const below = path.slice(1).filter((between) => !equalBytes(between.subject, between.issuer)).length;
  const pathLength = issuer.basicConstraints?.pathLength;
  if (pathLength !== undefined && below > pathLength) return 'issuer-path-length';
  const uris = path.flatMap(({ subjectAltName }) => subjectAltName?.uris ?? []);
  const isWithin = issuer.uriConstraints === undefined || isWithinConstraints(issuer.uriConstraints, uris);
  return isWithin ? undefined : 'issuer-name-constraints';
}

function signatureReason(
  search: Search,
  issuer: Certificate,
  path: readonly Certificate[],
): CertificationPathReason | undefined {
  if (search.checksLeft === 0) return 'path-search-exhausted';
  search.checksLeft -= 1;
  const { signatureAlgorithm: algorithm, tbs: message, signature } = path[path.length - 1] as Certificate;
  const isGenuine = search.input.verifySignature({ spki: issuer.spki, algorithm, message, signature });
  return isGenuine ? undefined : 'issuer-signature';
}

/** An authority that says what it issues for must name what an SVID is for; all common verifiers hold it to that. */
function mayIssueWorkloads({ extendedKeyUsage }: Certificate): boolean {
  if (extendedKeyUsage === undefined || extendedKeyUsage.includes(EKU_ANY)) return true;
  return extendedKeyUsage.includes(EKU_SERVER_AUTH) && extendedKeyUsage.includes(EKU_CLIENT_AUTH);
}
