/**
 * The certification path search against C2SP's x509-limbo. Its leaves are web certificates, so `verifyX509Svid` refuses
 * them all; here their path is searched as for an SVID, and every difference from the corpus stands in a table.
 */
import { parsePem } from '@postern/der';
import { verifyX509Signature } from '@postern/keys';
import { expect, test } from 'vitest';
import { checkValidity, findCertificationPath } from './certification_path.ts';
import { type Certificate, parseCertificate, parseTrustDomain, verifyX509Svid } from './index.ts';
import { describeWithCorpus } from './testing/shared_corpus.ts';

interface LimboCase {
  readonly id: string;
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
}

/** Must fail, and does for a reason that lies outside of path search. `count`: cases that this row alone explains. */
const OUT_OF_SCOPE: readonly { readonly why: string; readonly id: RegExp; readonly count: number }[] = [
  { why: 'a peer is matched by its SPIFFE ID, never by DNS name or address', id: /^webpki::(cn|san)::/, count: 24 },
  { why: 'DNS names are looked at by nobody', id: /^rfc5280::san::(ip-in-dns|underscore-dns)$/, count: 2 },
  { why: 'revocation reaches decision points through the feed, not by CRL', id: /^crl::/, count: 4 },
  { why: 'the depth is fixed (MAX_CHAIN), no caller sets it', id: /^pathlen::max-chain-depth-/, count: 2 },
  {
    why: 'the leaf profile refuses it: x509_svid.test.ts',
    id: /::eku::ee-|::leaf-ku-keycertsign$|::noncritical-with-empty-subject$/,
    count: 6,
  },
  {
    why: 'key ids are a duty of the issuer; RFC 5280 6.1 does not ask a verifier for them',
    id: /missing-aki$|missing-ski$|^webpki::aki::/,
    count: 8,
  },
  {
    why: 'the strength of a leaf key is what its issuer checks, and TLS when it is used',
    id: /^webpki::forbidden-.*-leaf$/,
    count: 4,
  },
  {
    why: 'a rule of the CA/Browser Forum on RSA key sizes',
    id: /^webpki::forbidden-rsa-not-divisible-by-8-in-root$/,
    count: 1,
  },
];

/** May succeed, and is refused here. */
const STRICTER: readonly { readonly why: string; readonly reason: string; readonly count: number }[] = [
  { why: 'constraints on names other than URIs are not applied', reason: 'issuer-name-constraints', count: 17 },
  { why: 'X509-SVID 4.3: a signing certificate has a key usage', reason: 'issuer-key-usage', count: 1 },
  { why: 'X509-SVID 5.2: a leaf is no authority', reason: 'leaf-is-ca', count: 2 },
];

const NEVER_EXPIRED_MS = Date.UTC(2026, 10, 24);

const read = (pem: string) => {
  const blocks = parsePem(pem, 'CERTIFICATE', { maxBytes: 1024 * 1024 });
  return blocks.ok ? parseCertificate(blocks.value[0] as Uint8Array) : blocks;
};
const readable = (pems: readonly string[]): Certificate[] =>
  pems.flatMap((pem) => {
    const certificate = read(pem);
    return certificate.ok ? [certificate.value] : [];
  });

/** `undefined`: there is a path. */
function refusalOf(limbo: LimboCase): string | undefined {
  const leaf = read(limbo.peer_certificate);
  if (!leaf.ok) return leaf.reason;
  const { basicConstraints, uriConstraints, unknownCritical } = leaf.value;
  if (basicConstraints?.isCa || uriConstraints) return 'leaf-is-ca';
  if (unknownCritical.length > 0) return 'leaf-critical-extension';
  const nowMs = limbo.validation_time === null ? NEVER_EXPIRED_MS : Date.parse(limbo.validation_time);
  const validity = checkValidity(leaf.value, nowMs, 0);
  if (!validity.ok) return validity.reason;
  const path = findCertificationPath({
    leaf: leaf.value,
    authorities: readable(limbo.trusted_certs),
    intermediates: readable(limbo.untrusted_intermediates),
    nowMs,
    skewMs: 0,
    verifySignature: verifyX509Signature,
  });
  return path.ok ? undefined : path.reason;
}

describeWithCorpus<{ testcases: readonly LimboCase[] }>('x509-limbo', 'x509/limbo.json.gz', ({ testcases }) => {
  const mustFail = testcases.filter(({ expected_result }) => expected_result === 'FAILURE');
  const maySucceed = testcases.filter(({ expected_result }) => expected_result === 'SUCCESS');

  test('is the corpus that the tables were made for', () => {
    expect([testcases.length, mustFail.length]).toEqual([194, 145]);
  });

  test('a path that must not be found is not found, but for what lies outside of path search', () => {
    const found = mustFail.filter((limbo) => refusalOf(limbo) === undefined).map(({ id }) => id);
    const counts = OUT_OF_SCOPE.map(({ why, id }) => [why, found.filter((name) => id.test(name)).length]);
    expect(counts).toEqual(OUT_OF_SCOPE.map(({ why, count }) => [why, count]));
    expect(found.filter((name) => !OUT_OF_SCOPE.some(({ id }) => id.test(name)))).toEqual([]);
    expect(mustFail.length - found.length).toBe(94);
  });

  test('a path that may be found is found, but for what an SVID is not allowed', () => {
    const refused = maySucceed.map(refusalOf).filter((reason) => reason !== undefined);
    const counts = STRICTER.map(({ why, reason }) => [why, refused.filter((each) => each === reason).length]);
    expect(counts).toEqual(STRICTER.map(({ why, count }) => [why, count]));
    expect(refused.length).toBe(STRICTER.reduce((sum, { count }) => sum + count, 0));
  });

  test('no web certificate of the corpus becomes a workload identity', () => {
    const trustDomain = parseTrustDomain('example.com');
    if (!trustDomain.ok) throw new Error(trustDomain.reason);
    for (const limbo of testcases) {
      const pems = [limbo.peer_certificate, ...limbo.untrusted_intermediates].slice(0, 4);
      const ders = (texts: readonly string[]) =>
        texts.flatMap((pem) => {
          const blocks = parsePem(pem, 'CERTIFICATE', { maxBytes: 1024 * 1024 });
          return blocks.ok ? blocks.value : [];
        });
      const bundle = { trustDomain: trustDomain.value, x509Authorities: ders(limbo.trusted_certs), jwtAuthorities: [] };
      const verified = verifyX509Svid({
        chain: ders(pems),
        bundles: new Map([['example.com', bundle]]),
        nowMs: limbo.validation_time === null ? NEVER_EXPIRED_MS : Date.parse(limbo.validation_time),
        verifySignature: verifyX509Signature,
      });
      expect([limbo.id, verified.ok]).toEqual([limbo.id, false]);
    }
  });
});
