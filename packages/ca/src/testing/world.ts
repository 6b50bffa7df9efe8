/** A whole authority in memory, with a root key that counts and a record of what the audit port was told. */
import { generateSoftwareSigner, type Signer, verifyX509Signature } from '@postern/keys';
import { type CountedSigner, countSigns } from '@postern/keys/testing';
import { parseSpiffeId, parseTrustDomain, type SpiffeId, type TrustDomain, verifyX509Svid } from '@postern/spiffe';
import { type Authority, createAuthority, type Issuance, type IssuanceAudit } from '../authority.ts';
import { type CertifyIssuerKey, createEphemeralIssuer } from '../ephemeral_issuer.ts';
import { createKmsIssuer } from '../kms_issuer.ts';
import { KMS_ISSUER_SECONDS } from '../profile.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from '../root.ts';

export const START_MS = Date.UTC(2026, 10, 24, 12);

export function must<T>(result: { ok: true; value: T } | { ok: false; reason: string; detail?: string }): T {
  if (!result.ok) throw new Error(`${result.reason}: ${result.detail ?? ''}`);
  return result.value;
}

export const trustDomain: TrustDomain = must(parseTrustDomain('demo.test'));
export const spiffeId: SpiffeId = must(parseSpiffeId('spiffe://demo.test/payments'));

export interface World {
  readonly authority: Authority;
  readonly clock: { nowMs(): number; set(ms: number): void };
  readonly root: Uint8Array;
  readonly rootSigner: CountedSigner;
  /** The issuer's, of profiles that sign in the key store. */
  readonly kmsSigner: CountedSigner;
  /** What the audit port was told, in order. */
  readonly log: (readonly [string, Issuance])[];
  /** Whether our own verifier takes the chain for `spiffeId`. */
  verify(chain: readonly Uint8Array[]): boolean;
}

export async function createWorld(
  options: {
    readonly audit?: Partial<IssuanceAudit>;
    readonly certify?: (own: CertifyIssuerKey) => CertifyIssuerKey;
    /** Stands in for the ephemeral issuer's key. */
    readonly leafSigner?: (own: Signer) => Signer;
  } = {},
): Promise<World> {
  let nowMs = START_MS;
  const clock = {
    nowMs: () => nowMs,
    set: (ms: number) => {
      nowMs = ms;
    },
  };
  const rootSigner = countSigns(generateSoftwareSigner('ES384'));
  const root = await createRootCertificate({ signer: rootSigner, trustDomain, nowMs });
  const certify: CertifyIssuerKey = (spki) =>
    certifyIssuer({ rootSigner, root: readOwnCertificate(root), spki, trustDomain, nowMs: clock.nowMs() });
  const issuer = createEphemeralIssuer({ clock, certify: options.certify?.(certify) ?? certify });
  const kmsSigner = countSigns(generateSoftwareSigner('ES256'));
  const certified = await certifyIssuer({
    ...{ rootSigner, root: readOwnCertificate(root), spki: kmsSigner.spki, trustDomain, nowMs },
    lifeSeconds: KMS_ISSUER_SECONDS,
  });
  const kms = createKmsIssuer({
    trustDomain,
    clock,
    roots: async () => [readOwnCertificate(root)],
    signer: async () => kmsSigner,
    stored: async function* () {
      yield { der: certified, generation: 1 };
    },
  });
  const log: (readonly [string, Issuance])[] = [];
  const authority = createAuthority({
    issuers: {
      ephemeral: async () => {
        const own = await issuer();
        return { ...own, signer: options.leafSigner?.(own.signer) ?? own.signer };
      },
      kms,
    },
    clock,
    assignList: async (keyId) => `https://postern.demo.test/v1/crl/${keyId}/0`,
    audit: {
      begin: async (issuance) => void log.push(['begin', issuance]),
      complete: async (issuance) => void log.push(['complete', issuance]),
      failed: async (issuance, reason) => void log.push([`failed ${reason}`, issuance]),
      ...options.audit,
    },
  });
  const bundles = new Map([[trustDomain as string, { trustDomain, x509Authorities: [root], jwtAuthorities: [] }]]);
  return {
    authority,
    clock,
    root,
    rootSigner,
    kmsSigner,
    log,
    verify: (chain) =>
      verifyX509Svid({ chain, bundles, nowMs: clock.nowMs(), verifySignature: verifyX509Signature }).ok,
  };
}
