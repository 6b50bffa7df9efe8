/** Proof that the holder of an SVID makes one particular call to the control plane. */
import { createHash, randomBytes } from 'node:crypto';
import { parseJws, type Signer, signJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Certificate, SpiffeId, TrustBundle } from '@postern/spiffe';
import { type ProofChainReason, verifyProofChain } from './request_proof_chain.ts';

export const REQUEST_PROOF_HEADER = 'postern-proof';
export const REQUEST_PROOF_TYPE = 'postern-proof+jws';
/** A leaf and three issuers in base64, encoded once more. */
export const MAX_REQUEST_PROOF_LENGTH = 24 * 1024;
/** How far `iat` may be from now, either way: the skew of two clocks and the call's own time. */
export const REQUEST_PROOF_AGE_MS = 60_000;

/** What is signed. `htm`, `htu` and `jti` mean what they mean in DPoP (RFC 9449 4.2), except that `htu` has no origin. */
interface ProofClaims {
  readonly htm: string;
  /** Path and query exactly as requested: a front door may change the origin, and `aud` names the control plane. */
  readonly htu: string;
  /** Base64url SHA-256 of the body; of no bytes when there is none. */
  readonly bsh: string;
  readonly td: string;
  readonly aud: string;
  readonly jti: string;
  /** Seconds. */
  readonly iat: number;
}

export type RequestProofReason =
  | 'proof-missing'
  | 'proof-too-large'
  | 'proof-malformed'
  | 'proof-type'
  | 'proof-method'
  | 'proof-target'
  | 'proof-body'
  | 'proof-audience'
  | 'proof-trust-domain'
  | 'proof-expired'
  | 'proof-not-yet-valid'
  | 'proof-replayed'
  | ProofChainReason;

export interface ProvenCaller {
  readonly spiffeId: SpiffeId;
  /** Hex serial of the leaf: revocation and lineage are the caller's to check. */
  readonly serial: string;
  /** Earliest end of any certificate on its path. */
  readonly notAfterMs: number;
  readonly leaf: Certificate;
  /** From the leaf to the authority. */
  readonly path: readonly Certificate[];
}

/** What a call is, for its proof. `target`: path and query as on the wire. `audience`: the control plane's URL. */
export interface ProvenCall {
  readonly method: string;
  readonly target: string;
  readonly body: Uint8Array;
  readonly trustDomain: string;
  readonly audience: string;
}

/**
 * The value of `postern-proof` for one call: a compact JWS by the SVID's key with its chain. `chain`: DER, leaf first,
 * without the root. One signature; `random`: 16 secure bytes for the id, drawn anew for each proof.
 */
export async function createRequestProof(
  call: ProvenCall & {
    readonly signer: Signer;
    readonly chain: readonly Uint8Array[];
    readonly nowMs: number;
    readonly random?: (length: number) => Uint8Array;
  },
): Promise<string> {
  const payload: ProofClaims = {
    htm: call.method,
    htu: call.target,
    bsh: createHash('sha256').update(call.body).digest('base64url'),
    td: call.trustDomain,
    aud: call.audience,
    jti: Buffer.from((call.random ?? randomBytes)(16)).toString('base64url'),
    iat: Math.floor(call.nowMs / 1000),
  };
  const x5c = call.chain.map((der) => Buffer.from(der).toString('base64'));
  return signJws(call.signer, { typ: REQUEST_PROOF_TYPE, header: { x5c }, payload });
}

/**
 * Verifies the proof of one call. Prevents a captured proof from being used again, for another call, body, deployment or
 * trust domain, and prevents anybody without the SVID's key from calling at all. `proof`: untrusted; `undefined` when
 * the header is missing. `target`: as received, never decoded or rebuilt. `bodyDigest`: SHA-256 of the bytes received. `bundle`: of the one trust domain this door
 * serves; `issuers`: its live ephemeral issuers. `consume`: a replay guard, called last, once, only for a proof that is
 * right in all else; one conditional write.
 */
export async function verifyRequestProof(
  proof: string | undefined,
  call: {
    readonly method: string;
    readonly target: string;
    readonly bodyDigest: Uint8Array;
    readonly audience: string;
    readonly nowMs: number;
    readonly bundle: TrustBundle;
    readonly issuers: readonly Certificate[];
    readonly consume: (id: string, expiresAtMs: number) => Promise<boolean>;
  },
): Promise<Result<ProvenCaller, RequestProofReason>> {
  if (proof === undefined || proof === '') return refuse('proof-missing');
  if (proof.length > MAX_REQUEST_PROOF_LENGTH) return refuse('proof-too-large');
  const parsed = parseJws(proof, { maxBytes: MAX_REQUEST_PROOF_LENGTH });
  if (!parsed.ok) return refuse('proof-malformed', parsed.reason);
  if (parsed.value.header.typ !== REQUEST_PROOF_TYPE) return refuse('proof-type');
  const claims = parseClaims(parsed.value.payload);
  if (claims === undefined) return refuse('proof-malformed', 'claims');
  const claimed = checkClaims(claims, call);
  if (!claimed.ok) return claimed;
  const holder = verifyProofChain(parsed.value, call);
  if (!holder.ok) return holder;
  const { spiffeId, serial, notAfterMs, leaf, path } = holder.value;
  // Ids are scoped to the caller: nobody can use up another's.
  const id = createHash('sha256').update(`${spiffeId.uri}\0${claims.jti}`).digest('base64url');
  const expiresAtMs = claims.iat * 1000 + 2 * REQUEST_PROOF_AGE_MS;
  return (await call.consume(id, expiresAtMs))
    ? accept({ spiffeId, serial, notAfterMs, leaf, path })
    : refuse('proof-replayed');
}

type Call = Parameters<typeof verifyRequestProof>[1];

function checkClaims(claims: ProofClaims, call: Call): Result<void, RequestProofReason> {
  if (claims.htm !== call.method) return refuse('proof-method');
  if (claims.htu !== call.target) return refuse('proof-target');
  if (claims.bsh !== Buffer.from(call.bodyDigest).toString('base64url')) return refuse('proof-body');
  if (claims.aud !== call.audience) return refuse('proof-audience');
  if (claims.td !== call.bundle.trustDomain) return refuse('proof-trust-domain');
  const atMs = claims.iat * 1000;
  if (atMs < call.nowMs - REQUEST_PROOF_AGE_MS) return refuse('proof-expired');
  if (atMs > call.nowMs + REQUEST_PROOF_AGE_MS) return refuse('proof-not-yet-valid');
  return accept(undefined);
}

/** 128 bits are 22 characters of base64url. */
const PROOF_ID = /^[A-Za-z0-9_-]{22,128}$/;

function parseClaims(payload: Uint8Array): ProofClaims | undefined {
  try {
    const claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as ProofClaims | null;
    const texts = [claims?.htm, claims?.htu, claims?.bsh, claims?.td, claims?.aud, claims?.jti];
    if (!texts.every((text) => typeof text === 'string')) return undefined;
    return claims !== null && PROOF_ID.test(claims.jti) && Number.isSafeInteger(claims.iat) ? claims : undefined;
  } catch {
    return undefined;
  }
}
