/**
 * The SPIFFE Workload API's JWT half (Workload API 6): tokens for the caller's own identities, the keys that verify those
 * of others, and verification for workloads that would rather not do it themselves.
 */
import { checkAudience } from '@postern/ca';
import { isRevoked, type Revocations } from '@postern/identity';
import { verifyJoseSignature } from '@postern/keys';
import {
  formatTrustBundle,
  type JwtAuthority,
  type JwtSvid,
  MAX_JWT_SVID_BYTES,
  parseJwtSvid,
  parseTrustDomain,
  type TrustBundle,
  verifyJwtSvid,
} from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { GrpcCall, GrpcMethods } from '../grpc/method.ts';
import { GRPC_STATUS, GrpcError, type GrpcStatus } from '../grpc/status.ts';
import type { WorkloadIdentity } from '../identity_source.ts';
import type { JwtSvids, JwtSvidsReason } from '../jwt_svids.ts';
import { StructTooDeep } from '../protobuf/struct.ts';
import { identitiesOf, type WorkloadApiPorts } from './entitlement.ts';
import {
  readJwtSvidRequest,
  readValidateJwtSvidRequest,
  writeJwtBundlesResponse,
  writeJwtSvidResponse,
  writeValidateJwtSvidResponse,
} from './jwt_messages.ts';
import { hintsOf } from './messages.ts';
import { checkSecurityHeader, pushing } from './push.ts';

export interface JwtWorkloadApiPorts extends WorkloadApiPorts {
  readonly jwtSvids: JwtSvids;
  /** What was taken back, as decisions see it. */
  readonly revocations: () => Revocations;
  /** Told of a trust domain of the caller's bundles that a token names with a key that is not there. */
  readonly onUnknownKey: (trustDomain: string) => void;
  readonly clock: Clock;
}

/** All audiences that may be asked for, and a SPIFFE ID. */
const MAX_FETCH_BYTES = 16 * 1024;
/** A token and an audience. */
const MAX_VALIDATE_BYTES = MAX_JWT_SVID_BYTES + 8 * 1024;

export function createJwtWorkloadApi(ports: JwtWorkloadApiPorts): GrpcMethods {
  const { source, jwtSvids, clock } = ports;
  return {
    '/SpiffeWorkloadAPI/FetchJWTSVID': { kind: 'unary', maxMessageBytes: MAX_FETCH_BYTES, handle: fetchJwtSvid },
    '/SpiffeWorkloadAPI/FetchJWTBundles': pushing(ports, (identities) => writeJwtBundlesResponse(keySets(identities))),
    '/SpiffeWorkloadAPI/ValidateJWTSVID': { kind: 'unary', maxMessageBytes: MAX_VALIDATE_BYTES, handle: validate },
  };

  /** 6.2.1: for each of the caller's identities, or for the one that is named. */
  async function fetchJwtSvid(message: Uint8Array, call: GrpcCall): Promise<Uint8Array> {
    checkSecurityHeader(call);
    const request = readJwtSvidRequest(message);
    const audience = [...new Set(request.audience)];
    const checked = checkAudience(audience);
    if (!checked.ok) throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, checked.reason);
    const held = await identitiesOf(call, ports);
    const wanted = request.spiffeId === '' ? held : held.filter((identity) => identity.spiffeId === request.spiffeId);
    if (wanted.length === 0) throw new GrpcError(GRPC_STATUS.PERMISSION_DENIED, 'that identity is not the caller’s');
    const outcomes = await jwtSvids.fetch(wanted, audience);
    const hints = hintsOf(wanted);
    const svids = outcomes.flatMap((outcome, index) => {
      if (outcome.ok) return [{ ...outcome.value, hint: hints[index] ?? '' }];
      // Taken back since the node last asked: the others are the caller's still (4.4).
      if (outcome.reason === 'entry-unknown') return [];
      throw new GrpcError(STATUSES[outcome.reason], outcome.reason);
    });
    if (svids.length === 0) throw new GrpcError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
    return writeJwtSvidResponse(svids);
  }

  /** 6.2.3. For workloads of this node alone, as everything here. */
  async function validate(message: Uint8Array, call: GrpcCall): Promise<Uint8Array> {
    checkSecurityHeader(call);
    const { audience, token } = readValidateJwtSvidRequest(message);
    // A field that is left out is mandatory (4.5); an empty audience would otherwise be compared with tokens' own.
    if (audience === '' || token === '')
      throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'audience and svid are needed');
    const held = await identitiesOf(call, ports);
    const nowMs = clock.nowMs();
    const verified = verifyJwtSvid(token, { audience, nowMs, bundles: bundles(held), verifyJws: verifyJoseSignature });
    if (!verified.ok) {
      if (verified.reason === 'jwt-svid-key-unknown') tellUnknownKey(token);
      throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, verified.reason);
    }
    if (wasTakenBack(verified.value, nowMs)) throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'jwt-svid-revoked');
    try {
      return writeValidateJwtSvidResponse(verified.value);
    } catch (fault) {
      if (fault instanceof StructTooDeep) throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'jwt-svid-claims-too-deep');
      throw fault;
    }
  }

  /** Its audience, its time and its trust domain were right. */
  function tellUnknownKey(token: string): void {
    const parsed = parseJwtSvid(token);
    if (parsed.ok) ports.onUnknownKey(parsed.value.spiffeId.trustDomain);
  }

  /** A token that does not say when it was issued is from before any revocation of its subject. */
  function wasTakenBack({ spiffeId, issuedAtMs = 0 }: JwtSvid, nowMs: number): boolean {
    return isRevoked(ports.revocations(), `spiffe-id:${spiffeId.uri}`, issuedAtMs, nowMs);
  }

  function bundles(identities: readonly WorkloadIdentity[]): Map<string, TrustBundle> {
    const authorities = source.jwtAuthorities(identities);
    return new Map([...authorities].map(([name, keys]) => [name, jwtBundleOf(name, keys)]));
  }

  /** 6.2.2: keys of JWT-SVIDs and no others, and the own trust domain's always. */
  function keySets(identities: readonly WorkloadIdentity[]): Map<string, string> {
    const own = [source.trustDomain, JSON.stringify({ keys: [] })] as const;
    return new Map([
      own,
      ...[...bundles(identities)].map(([name, bundle]) => [name, formatTrustBundle(bundle)] as const),
    ]);
  }
}

const STATUSES: { readonly [R in Exclude<JwtSvidsReason, 'entry-unknown'>]: GrpcStatus } = {
  'authority-unavailable': GRPC_STATUS.UNAVAILABLE,
  'jwt-svid-refused': GRPC_STATUS.UNAVAILABLE,
  // Workload Endpoint 6: a server that sheds load.
  'too-many-requests': GRPC_STATUS.UNAVAILABLE,
};

function jwtBundleOf(name: string, jwtAuthorities: readonly JwtAuthority[]): TrustBundle {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new TypeError(`a bundle of no trust domain: ${trustDomain.reason}`);
  return { trustDomain: trustDomain.value, x509Authorities: [], jwtAuthorities };
}
