/** Certificates of another maker: what OpenSSL issues and how it judges the ones minted in these tests. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem, parsePem } from '@postern/der';
import { verifyX509Signature } from '@postern/keys';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTool } from '../../../test/kit/tools.ts';
import { parseTrustDomain, verifyX509Svid } from './index.ts';
import { basicConstraints, keyUsage, type Minted, mintAuthority, mintLeaf, NOW_MS } from './testing/mint.ts';

const ID = 'spiffe://demo.test/payments';
const ROOT_PROFILE = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
const ISSUER_PROFILE = [
  'basicConstraints=critical,CA:TRUE,pathlen:0',
  'keyUsage=critical,keyCertSign',
  'subjectAltName=URI:spiffe://demo.test',
  'nameConstraints=critical,permitted;URI:demo.test',
];
const LEAF_PROFILE = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=serverAuth,clientAuth',
  `subjectAltName=URI:${ID},DNS:payments.demo.test,IP:192.0.2.1`,
  'crlDistributionPoints=URI:http://demo.test/crl',
  'authorityInfoAccess=caIssuers;URI:http://demo.test/ca',
];

describeWithTool('OpenSSL', ['openssl'], ({ openssl }) => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-spiffe-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) => execFileSync(openssl, args, { cwd: folder, stdio: 'pipe', encoding: 'utf8' });

  /** A key pair and its certificate in `name`.key and `name`.pem, DER back. */
  function issue(name: string, [digest, ...algorithm]: string[], profile: string[], issuer?: string): Uint8Array {
    run('genpkey', ...algorithm, '-out', `${name}.key`);
    const signer = issuer === undefined ? [] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`];
    const extensions = profile.flatMap((line) => ['-addext', line]);
    const subject = ['-subj', `/CN=${name}`, '-config', '/dev/null', '-days', '2', `-${digest}`];
    run('req', '-x509', '-new', '-key', `${name}.key`, ...subject, ...signer, ...extensions, '-out', `${name}.pem`);
    const blocks = parsePem(readFileSync(join(folder, `${name}.pem`), 'utf8'), 'CERTIFICATE', { maxBytes: 100_000 });
    if (!blocks.ok) throw new Error(blocks.reason);
    return blocks.value[0] as Uint8Array;
  }

  const trustDomain = parseTrustDomain('demo.test');
  function verify(chain: readonly Uint8Array[], root: Uint8Array, nowMs: number) {
    if (!trustDomain.ok) throw new Error(trustDomain.reason);
    const bundle = { trustDomain: trustDomain.value, x509Authorities: [root], jwtAuthorities: [] };
    const bundles = new Map([['demo.test', bundle]]);
    const verified = verifyX509Svid({ chain, bundles, nowMs, verifySignature: verifyX509Signature });
    return verified.ok ? verified.value.spiffeId.uri : `${verified.reason}: ${verified.detail}`;
  }

  const EC = (curve: string, digest: string) => [digest, '-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
  test.each([
    ['P-256', EC('P-256', 'sha256')],
    ['P-384', EC('P-384', 'sha384')],
    ['P-521', EC('P-521', 'sha512')],
    ['RSA-2048', ['sha256', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ])('a chain of %s that OpenSSL issued is an SVID here', (name, algorithm) => {
    const root = issue(`${name}-root`, algorithm, ROOT_PROFILE);
    const issuer = issue(`${name}-issuer`, algorithm, ISSUER_PROFILE, `${name}-root`);
    const leaf = issue(`${name}-leaf`, algorithm, LEAF_PROFILE, `${name}-issuer`);
    expect(verify([leaf, issuer], root, Date.now())).toBe(ID);
    expect(verify([leaf], root, Date.now())).toBe('svid-untrusted: issuer-unknown');
    expect(verify([leaf, issuer], leaf, Date.now())).toBe('svid-untrusted: issuer-unknown');
  });

  const root = mintAuthority();
  const issuer = mintAuthority({ issuer: root, uri: 'spiffe://demo.test' });
  const limited = mintAuthority({ issuer: root, extensions: { basicConstraints: basicConstraints(true, 0) } });
  const below = mintAuthority({ issuer: limited });
  const unsigning = mintAuthority({ issuer: root, extensions: { keyUsage: keyUsage([6]) } });
  const notCa = mintAuthority({ issuer: root, extensions: { basicConstraints: basicConstraints(false) } });
  const chains: [harm: string, chain: readonly Minted[]][] = [
    ['in order', [mintLeaf({ issuer }), issuer]],
    ['of the root', [mintLeaf({ issuer: root })]],
    ['without its issuer', [mintLeaf({ issuer })]],
    ['longer than its path length', [mintLeaf({ issuer: below }), below, limited]],
    ['of an issuer that may not sign', [mintLeaf({ issuer: unsigning }), unsigning]],
    ['of an issuer that is no authority', [mintLeaf({ issuer: notCa }), notCa]],
    ['expired', [mintLeaf({ issuer, notBeforeMs: NOW_MS - 9_000_000, notAfterMs: NOW_MS - 3_600_000 }), issuer]],
  ];
  test.each(chains)('a minted chain %s is judged as OpenSSL judges it', (_harm, chain) => {
    const pem = (minted: readonly Minted[]) => minted.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
    writeFileSync(join(folder, 'minted-root.pem'), pem([root]));
    writeFileSync(join(folder, 'minted-leaf.pem'), pem(chain.slice(0, 1)));
    writeFileSync(join(folder, 'minted-between.pem'), pem(chain.slice(1)));
    const between = chain.length > 1 ? ['-untrusted', 'minted-between.pem'] : [];
    const at = ['-attime', String(NOW_MS / 1000)];
    const judge = () =>
      run('verify', '-x509_strict', ...at, '-CAfile', 'minted-root.pem', ...between, 'minted-leaf.pem');
    const ders = chain.map(({ der }) => der);
    if (verify(ders, root.der, NOW_MS) === ID) expect(judge()).toMatch(/: OK$/m);
    else expect(judge).toThrow();
  });
});
