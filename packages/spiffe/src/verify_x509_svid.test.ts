import { verifyX509Signature } from '@postern/keys';
import { describe, expect, test } from 'vitest';
import { type Certificate, parseCertificate, parseTrustDomain, type TrustBundle, verifyX509Svid } from './index.ts';
import {
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  type Minted,
  type MintOptions,
  mintAuthority,
  mintLeaf,
  NOW_MS,
  nameOf,
} from './testing/mint.ts';

const HOUR_MS = 3_600_000;
const SKEW_MS = 60_000;
const ID = 'spiffe://demo.test/payments';

function bundleOf(name: string, ...authorities: readonly Minted[]): [string, TrustBundle] {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const x509Authorities = authorities.map(({ der }) => der);
  return [name, { trustDomain: trustDomain.value, x509Authorities, jwtAuthorities: [] }];
}

function certificateOf({ der }: Minted): Certificate {
  const certificate = parseCertificate(der);
  if (!certificate.ok) throw new Error(certificate.detail);
  return certificate.value;
}

interface Scene {
  readonly chain: readonly Minted[];
  readonly authorities?: readonly Minted[];
  readonly issuers?: readonly Minted[];
  readonly nowMs?: number;
  readonly skewMs?: number;
}

/** SPIFFE ID, or reason and path reason. */
function verdict(scene: Scene): string {
  const verified = verifyX509Svid({
    chain: scene.chain.map(({ der }) => der),
    bundles: new Map([bundleOf('demo.test', ...(scene.authorities ?? [root])), bundleOf('other.test', foreignRoot)]),
    issuers: (scene.issuers ?? []).map(certificateOf),
    nowMs: scene.nowMs ?? NOW_MS,
    ...(scene.skewMs === undefined ? {} : { skewMs: scene.skewMs }),
    verifySignature: verifyX509Signature,
  });
  if (verified.ok) return verified.value.spiffeId.uri;
  return verified.reason === 'svid-untrusted' ? `svid-untrusted: ${verified.detail}` : verified.reason;
}

const root = mintAuthority({ subject: nameOf('root') });
const foreignRoot = mintAuthority({ subject: nameOf('foreign root') });
/** A root of the same name, and with the same key id: only its signature differs. */
const rogueRoot = mintAuthority({ subject: nameOf('root') });
const issuer = mintAuthority({ issuer: root, uri: 'spiffe://demo.test' });
const leaf = mintLeaf({ issuer });

describe('the path', () => {
  /** Root → authorities, each made with its options → leaf; what the peer sends, leaf first. */
  const chainOf = (...between: readonly MintOptions[]) => {
    const made: Minted[] = [];
    for (const options of between) made.push(mintAuthority({ issuer: made[made.length - 1] ?? root, ...options }));
    return [mintLeaf({ issuer: made[made.length - 1] ?? root }), ...made.reverse()];
  };
  const extensions = (set: MintOptions['extensions']): MintOptions => ({ extensions: set });
  const limited = (pathLength: number) => extensions({ basicConstraints: basicConstraints(true, pathLength) });
  const flipped = (minted: Minted): Minted => {
    const der = Uint8Array.from(minted.der);
    der[der.length - 1] = (der[der.length - 1] as number) ^ 1;
    return { ...minted, der };
  };

  const rows: [harm: string, scene: Scene, expected: string][] = [
    ['a leaf of the root', { chain: chainOf() }, ID],
    ['a chain in order', { chain: [leaf, issuer] }, ID],
    ['the leaf alone, its issuer known from the feed', { chain: [leaf], issuers: [issuer] }, ID],
    ['with its root at the end', { chain: [leaf, issuer, root] }, ID],
    ['with a certificate that is not on the path', { chain: [leaf, foreignRoot, issuer] }, ID],
    [
      'an expired issuer beside its successor',
      {
        chain: [
          leaf,
          mintAuthority({
            issuer: root,
            subject: issuer.subject,
            sameKeyAs: issuer,
            notBeforeMs: NOW_MS - 9 * HOUR_MS,
            notAfterMs: NOW_MS - HOUR_MS,
          }),
          issuer,
        ],
      },
      ID,
    ],
    ['the leaf alone', { chain: [leaf] }, 'svid-untrusted: issuer-unknown'],
    ['another root', { chain: [leaf, issuer], authorities: [foreignRoot] }, 'svid-untrusted: issuer-unknown'],
    ['no root', { chain: [leaf, issuer], authorities: [] }, 'svid-untrusted: issuer-unknown'],
    [
      'a root that the peer brought',
      { chain: [mintLeaf({ issuer: rogueRoot }), rogueRoot] },
      'svid-untrusted: issuer-unknown',
    ],
    [
      'a root of the same name and key id',
      { chain: [mintLeaf({ issuer: { ...rogueRoot, keyId: root.keyId } })] },
      'svid-untrusted: issuer-signature',
    ],
    [
      'the root’s key under a name that is not the root’s',
      { chain: [mintLeaf({ issuer: { ...root, subject: nameOf('not the root') } })] },
      'svid-untrusted: issuer-unknown',
    ],
    ['a flipped bit in the leaf’s signature', { chain: [flipped(leaf), issuer] }, 'svid-untrusted: issuer-signature'],
    ['a flipped bit in the issuer’s signature', { chain: [leaf, flipped(issuer)] }, 'svid-untrusted: issuer-signature'],
    ['a leaf signed by a leaf', { chain: [mintLeaf({ issuer: leaf }), leaf, issuer] }, 'svid-untrusted: issuer-not-ca'],
    [
      'an issuer that may not sign',
      { chain: chainOf(extensions({ keyUsage: keyUsage([0]) })) },
      'svid-untrusted: issuer-key-usage',
    ],
    [
      'an issuer that is no authority',
      { chain: chainOf(extensions({ basicConstraints: basicConstraints(false) })) },
      'svid-untrusted: issuer-not-ca',
    ],
    ['an issuer with a workload’s name', { chain: chainOf({ uri: ID }) }, 'svid-untrusted: issuer-has-path'],
    [
      'an issuer for code signing',
      { chain: chainOf(extensions({ eku: extendedKeyUsage('1.3.6.1.5.5.7.3.3') })) },
      'svid-untrusted: issuer-extended-key-usage',
    ],
    [
      'an issuer for servers alone',
      { chain: chainOf(extensions({ eku: extendedKeyUsage('1.3.6.1.5.5.7.3.1') })) },
      'svid-untrusted: issuer-extended-key-usage',
    ],
    ['an issuer for any use', { chain: chainOf(extensions({ eku: extendedKeyUsage('2.5.29.37.0') })) }, ID],
    [
      'an expired issuer',
      { chain: chainOf({ notBeforeMs: NOW_MS - 2 * HOUR_MS, notAfterMs: NOW_MS - HOUR_MS }) },
      'svid-untrusted: issuer-expired',
    ],
    [
      'an issuer for later',
      { chain: chainOf({ notBeforeMs: NOW_MS + HOUR_MS }) },
      'svid-untrusted: issuer-not-yet-valid',
    ],
    ['path length 0 right above the leaf', { chain: chainOf(limited(0)) }, ID],
    ['path length 0 above an issuer', { chain: chainOf(limited(0), {}) }, 'svid-untrusted: issuer-path-length'],
    ['path length 1 above an issuer', { chain: chainOf(limited(1), {}) }, ID],
    [
      'path length that grows again below',
      { chain: chainOf(limited(0), limited(7)) },
      'svid-untrusted: issuer-path-length',
    ],
    ['three issuers', { chain: chainOf({}, {}, {}) }, ID],
    [
      'four issuers',
      { chain: chainOf({}, {}, {}, {}).slice(0, 4), issuers: chainOf({}, {}, {}, {}).slice(4) },
      'svid-untrusted: issuer-unknown',
    ],
    ['five certificates', { chain: chainOf({}, {}, {}, {}) }, 'svid-chain-too-long'],
    ['nothing', { chain: [] }, 'svid-chain-empty'],
  ];
  test.each(rows)('%s', (_harm, scene, expected) => {
    expect(verdict(scene)).toBe(expected);
  });

  test('a path of more certificates than the bound is not followed through the feed either', () => {
    const chain = chainOf({}, {}, {}, {});
    expect(verdict({ chain: chain.slice(0, 1), issuers: chain.slice(1) })).toBe('svid-untrusted: path-too-long');
  });

  test('path length of the root itself counts', () => {
    const flat = mintAuthority({ extensions: { basicConstraints: basicConstraints(true, 0) } });
    const below = mintAuthority({ issuer: flat });
    expect(verdict({ chain: [mintLeaf({ issuer: flat })], authorities: [flat] })).toBe(ID);
    expect(verdict({ chain: [mintLeaf({ issuer: below }), below], authorities: [flat] })).toBe(
      'svid-untrusted: issuer-path-length',
    );
  });

  test('an expired root vouches for nobody', () => {
    const old = mintAuthority({ notBeforeMs: NOW_MS - 9 * HOUR_MS, notAfterMs: NOW_MS - HOUR_MS });
    expect(verdict({ chain: [mintLeaf({ issuer: old })], authorities: [old] })).toBe('svid-untrusted: issuer-expired');
  });

  test('a cycle of issuers ends', () => {
    const [a, b] = [mintAuthority({ subject: nameOf('a') }), mintAuthority({ subject: nameOf('b') })];
    const aByB = mintAuthority({ subject: a.subject, sameKeyAs: a, issuer: b });
    const bByA = mintAuthority({ subject: b.subject, sameKeyAs: b, issuer: a });
    expect(verdict({ chain: [mintLeaf({ issuer: a }), aByB, bByA] })).toBe('svid-untrusted: issuer-unknown');
  });

  test('answers the path, its earliest end and the issuers given, by identity', () => {
    const issuers = [certificateOf(issuer)];
    const verified = verifyX509Svid({
      chain: [leaf.der],
      bundles: new Map([bundleOf('demo.test', root)]),
      issuers,
      nowMs: NOW_MS,
      verifySignature: verifyX509Signature,
    });
    if (!verified.ok) throw new Error(verified.reason);
    const { path, notAfterMs } = verified.value;
    expect(path.map(({ der }) => der)).toEqual([leaf.der, issuer.der, root.der]);
    expect(path[1]).toBe(issuers[0]);
    expect(notAfterMs).toBe(Math.min(...path.map((certificate) => certificate.notAfterMs)));
  });
});

test('a hundred issuers of the same name cost sixteen signature checks, not a hundred', () => {
  let checks = 0;
  const crowd = Array.from({ length: 100 }, () =>
    certificateOf(mintAuthority({ issuer: root, subject: issuer.subject, extensions: { subjectKeyId: undefined } })),
  );
  const verified = verifyX509Svid({
    chain: [leaf.der],
    bundles: new Map([bundleOf('demo.test', root)]),
    issuers: crowd,
    nowMs: NOW_MS,
    verifySignature: () => {
      checks += 1;
      return false;
    },
  });
  expect(verified).toMatchObject({ ok: false, reason: 'svid-untrusted', detail: 'path-search-exhausted' });
  expect(checks).toBe(16);
});

test('an issuer of another name or key costs no signature check', () => {
  let checks = 0;
  const strangers = Array.from({ length: 50 }, () => certificateOf(mintAuthority({ issuer: root })));
  const sameName = mintAuthority({ issuer: root, subject: issuer.subject });
  const verified = verifyX509Svid({
    chain: [leaf.der],
    bundles: new Map([bundleOf('demo.test', root)]),
    issuers: [...strangers, certificateOf(sameName), certificateOf(issuer)],
    nowMs: NOW_MS,
    verifySignature: (input) => {
      checks += 1;
      return verifyX509Signature(input);
    },
  });
  expect(verified.ok).toBe(true);
  expect(checks).toBe(2);
});

describe('only its own trust domain vouches for an ID (X509-SVID 5, SPIFFE-ID 3.1)', () => {
  const inOther = mintLeaf({ issuer: root, uri: 'spiffe://other.test/payments' });
  const rows: [harm: string, scene: Scene, expected: string][] = [
    [
      'a federated authority names a workload of ours',
      { chain: [mintLeaf({ issuer: foreignRoot })] },
      'svid-untrusted: issuer-unknown',
    ],
    ['our authority names a workload of theirs', { chain: [inOther] }, 'svid-untrusted: issuer-unknown'],
    [
      'their own',
      { chain: [mintLeaf({ issuer: foreignRoot, uri: 'spiffe://other.test/a' })] },
      'spiffe://other.test/a',
    ],
    [
      'a trust domain that nobody knows',
      { chain: [mintLeaf({ issuer: root, uri: 'spiffe://nowhere.test/a' })] },
      'trust-domain-unknown',
    ],
    [
      'a name below ours',
      { chain: [mintLeaf({ issuer: root, uri: 'spiffe://a.demo.test/b' })] },
      'trust-domain-unknown',
    ],
  ];
  test.each(rows)('%s', (_harm, scene, expected) => {
    expect(verdict(scene)).toBe(expected);
  });

  test('a bundle that stands under another’s name', () => {
    const [, bundle] = bundleOf('other.test', root);
    const verified = verifyX509Svid({
      chain: [mintLeaf({ issuer: root }).der],
      bundles: new Map([['demo.test', bundle]]),
      nowMs: NOW_MS,
      verifySignature: verifyX509Signature,
    });
    expect(verified).toMatchObject({ ok: false, reason: 'trust-domain-unknown' });
  });
});

describe('validity, both ends included, with the skew of clocks', () => {
  const short = mintLeaf({ issuer: root, notBeforeMs: NOW_MS, notAfterMs: NOW_MS + HOUR_MS });
  const END_MS = NOW_MS + HOUR_MS;
  const rows: [nowMs: number, skewMs: number | undefined, expected: string][] = [
    [NOW_MS, 0, ID],
    [NOW_MS - 1, 0, 'svid-not-yet-valid'],
    [END_MS + 999, 0, ID],
    [END_MS + 1000, 0, 'svid-expired'],
    [NOW_MS - SKEW_MS, undefined, ID],
    [NOW_MS - SKEW_MS - 1, undefined, 'svid-not-yet-valid'],
    [END_MS + SKEW_MS, undefined, ID],
    [END_MS + SKEW_MS + 1000, undefined, 'svid-expired'],
    [Number.NaN, undefined, 'svid-expired'],
    [Number.NaN, 0, 'svid-expired'],
    [Number.POSITIVE_INFINITY, undefined, 'svid-expired'],
    [NOW_MS, Number.NaN, 'svid-expired'],
  ];
  test.each(rows)('at %d with skew %s: %s', (nowMs, skewMs, expected) => {
    const scene = { chain: [short], nowMs, ...(skewMs === undefined ? {} : { skewMs }) };
    expect(verdict(scene)).toBe(expected);
  });
});
