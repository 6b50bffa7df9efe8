import { contextTag } from '@postern/der';
import { verifyX509Signature } from '@postern/keys';
import { describe, expect, test } from 'vitest';
import { parseTrustDomain, type TrustBundle, verifyX509Svid } from './index.ts';
import {
  dnsName,
  generalName,
  type Minted,
  type MintOptions,
  mintAuthority,
  mintLeaf,
  NOW_MS,
  nameConstraints,
  nameOf,
  uriName,
} from './testing/mint.ts';

function bundleOf(name: string, authority: Minted): TrustBundle {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  return { trustDomain: trustDomain.value, x509Authorities: [authority.der], jwtAuthorities: [] };
}

describe('name constraints of an issuer (RFC 5280 4.2.1.10)', () => {
  const verdictUnder = (constraints: Uint8Array, uri: string, below?: Partial<MintOptions>) => {
    const constrained = mintAuthority({ extensions: { constraints } });
    const signer = below ? mintAuthority({ issuer: constrained, ...below }) : constrained;
    const chain = [mintLeaf({ issuer: signer, uri }), ...(below ? [signer] : [])];
    const trustDomain = uri.slice('spiffe://'.length).split('/')[0] as string;
    const verified = verifyX509Svid({
      chain: chain.map(({ der }) => der),
      bundles: new Map([[trustDomain, bundleOf(trustDomain, constrained)]]),
      nowMs: NOW_MS,
      verifySignature: verifyX509Signature,
    });
    return verified.ok ? 'within' : verified.detail;
  };
  const uris = (...hosts: readonly string[]) => hosts.map(uriName);
  const OUTSIDE = 'issuer-name-constraints';
  const rows: [harm: string, constraints: Parameters<typeof nameConstraints>[0], uri: string, expected: string][] = [
    ['the host', { permitted: uris('demo.test') }, 'spiffe://demo.test/a', 'within'],
    ['the host in upper case', { permitted: uris('DEMO.test') }, 'spiffe://demo.test/a', 'within'],
    ['below the host', { permitted: uris('demo.test') }, 'spiffe://a.demo.test/a', OUTSIDE],
    ['another host', { permitted: uris('demo.test') }, 'spiffe://demo.testing/a', OUTSIDE],
    ['a host that ends alike', { permitted: uris('.demo.test') }, 'spiffe://evildemo.test/a', OUTSIDE],
    ['below a name with a dot', { permitted: uris('.demo.test') }, 'spiffe://a.demo.test/a', 'within'],
    ['the name without its dot', { permitted: uris('.demo.test') }, 'spiffe://demo.test/a', OUTSIDE],
    ['the name with nothing before its dot', { permitted: uris('.demo.test') }, 'spiffe://.demo.test/a', OUTSIDE],
    ['one of two', { permitted: uris('a.test', 'demo.test') }, 'spiffe://demo.test/a', 'within'],
    ['excluded', { excluded: uris('demo.test') }, 'spiffe://demo.test/a', OUTSIDE],
    ['excluded in upper case', { excluded: uris('DEMO.TEST') }, 'spiffe://demo.test/a', OUTSIDE],
    ['not excluded', { excluded: uris('demo.test') }, 'spiffe://other.test/a', 'within'],
    [
      'permitted and excluded',
      { permitted: uris('.test'), excluded: uris('demo.test') },
      'spiffe://demo.test/a',
      OUTSIDE,
    ],
    ['an address in place of a host', { excluded: uris('demo.test') }, 'spiffe://1.2.3.4/a', OUTSIDE],
    [
      'a constraint on DNS names, which is not applied',
      { permitted: [dnsName('demo.test')] },
      'spiffe://demo.test/a',
      OUTSIDE,
    ],
    [
      'a constraint on directory names beside one on URIs',
      { permitted: uris('demo.test'), excluded: [generalName(contextTag(4, 'constructed'), nameOf('a'))] },
      'spiffe://demo.test/a',
      OUTSIDE,
    ],
  ];
  test.each(rows)('%s', (_harm, constraints, uri, expected) => {
    expect(verdictUnder(nameConstraints(constraints), uri)).toBe(expected);
    // Not marked critical, against RFC 5280: applied all the same.
    expect(verdictUnder(nameConstraints(constraints, false), uri)).toBe(expected);
  });

  test('they hold for issuers in between too, and cannot be widened by them', () => {
    const permitted = nameConstraints({ permitted: uris('demo.test') });
    const wider = { constraints: nameConstraints({ permitted: uris('other.test', 'demo.test') }) };
    expect(verdictUnder(permitted, 'spiffe://demo.test/a', {})).toBe('within');
    expect(verdictUnder(permitted, 'spiffe://demo.test/a', { uri: 'spiffe://demo.test' })).toBe('within');
    expect(verdictUnder(permitted, 'spiffe://demo.test/a', { uri: 'spiffe://other.test' })).toBe(OUTSIDE);
    expect(verdictUnder(permitted, 'spiffe://other.test/a', { extensions: wider })).toBe(OUTSIDE);
    const narrower = { constraints: nameConstraints({ permitted: uris('other.test') }) };
    expect(verdictUnder(permitted, 'spiffe://demo.test/a', { extensions: narrower })).toBe(OUTSIDE);
  });
});
