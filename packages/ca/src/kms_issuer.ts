/**
 * The issuer whose key stays in the key store: each leaf is one use of that key. Its certificate is made ahead of time by
 * the function that may use the root, and kept where this one reads it; there whoever can write can put another's, so it
 * is believed for the key and for a root's signature alone.
 */
import { type Signer, SignerUnavailable, verifyX509Signature } from '@postern/keys';
import { type Certificate, checkSigningCertificate, parseCertificate, type TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Issuer } from './authority.ts';
import { type AboveIssuer, holdIssuer, type IsIssuerCurrent, type IsIssuerDistrusted } from './held_issuer.ts';

export interface StoredIssuerCertificate {
  /** DER, untrusted. */
  readonly der: Uint8Array;
  /** Of the key that it is said to be for. */
  readonly generation: number;
}

/** A certificate is renewed days ahead: looking this often is enough. Cost: a list and an object of the store. */
const RELOAD_MS = 60 * 60_000;

/**
 * The newest stored certificate that is good now. Throws `SignerUnavailable` when there is none, and what `stored` and
 * `signer` throw; with one at hand, a failure to look again leaves it in use until it ends.
 */
export function createKmsIssuer(ports: {
  readonly trustDomain: TrustDomain;
  /** Newest first. */
  readonly stored: () => AsyncIterable<StoredIssuerCertificate>;
  readonly signer: (generation: number) => Promise<Signer>;
  /** Whose signature makes an issuer: certificates of the root keys. */
  readonly roots: () => Promise<readonly Certificate[]>;
  readonly above?: AboveIssuer;
  readonly isCurrent?: IsIssuerCurrent;
  readonly isDistrusted?: IsIssuerDistrusted;
  readonly clock: Clock;
}): () => Promise<Issuer> {
  const { trustDomain, clock, isDistrusted, isCurrent } = ports;
  return holdIssuer({
    async make() {
      const roots = await ports.roots();
      let cause: unknown;
      for await (const { der, generation } of ports.stored()) {
        const certificate = readIssuer(der, { roots, trustDomain });
        const nowMs = clock.nowMs();
        if (certificate === undefined || nowMs < certificate.notBeforeMs || nowMs >= certificate.notAfterMs) continue;
        if (await isDistrusted?.(certificate.subjectKeyId as string)) continue;
        try {
          const signer = await ports.signer(generation);
          if (Buffer.compare(certificate.spki, signer.spki) === 0)
            return { signer, certificate, chain: [der, ...((await ports.above?.(certificate)) ?? [])] };
        } catch (fault) {
          // Filed under a generation that is none, by somebody who can write there: the next one may be good.
          if (!(fault instanceof SignerUnavailable)) throw fault;
          cause = fault;
        }
      }
      throw new SignerUnavailable('there is no certified issuer key', { cause });
    },
    replaceAtMs: (_, nowMs) => nowMs + RELOAD_MS,
    isDistrusted,
    isCurrent,
    clock,
  });
}

/** `undefined` for what no root signed, and for another trust domain. Its time is the caller's to look at. */
export function readIssuer(
  der: Uint8Array,
  trust: { readonly roots: readonly Certificate[]; readonly trustDomain: TrustDomain },
): Certificate | undefined {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return undefined;
  const certificate = parsed.value;
  const { tbs: message, signature, signatureAlgorithm: algorithm } = certificate;
  const isOurs =
    checkSigningCertificate(certificate).ok &&
    certificate.basicConstraints?.pathLength === 0 &&
    certificate.subjectAltName?.uris[0] === `spiffe://${trust.trustDomain}`;
  const isSigned = () =>
    trust.roots.some(
      ({ spki, subject }) =>
        Buffer.compare(subject, certificate.issuer) === 0 &&
        verifyX509Signature({ spki, algorithm, message, signature }),
    );
  return isOurs && isSigned() ? certificate : undefined;
}
