import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { bitString, contextTag, element, encodePem, octetString, oid, sequence } from '@postern/der';
import { generateSoftwareSigner } from '@postern/keys';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTool } from '../../../test/kit/tools.ts';
import { createName, createTbsCertificate, keyIdOf } from './certificate_der.ts';
import { authorityKeyId, basicConstraints, keyUsage, noRevAvail, subjectKeyId } from './extension_der.ts';
import { LINTS } from './lints.ts';
import { readOwnCertificate } from './root.ts';
import { createSerial } from './serial.ts';
import { x509AlgorithmOf } from './sign.ts';
import { type Minted, mintEveryKind } from './testing/mint.ts';
import { START_MS } from './testing/world.ts';

const run = promisify(execFile);

/** `spiffe://` has no well-known authority part to pkilint, which knows web addresses. */
const KNOWN_FALSE = new Set(['pkix.invalid_uri_syntax']);
/** RFC 5280 4.2.1.13 wishes for `http`; the doors of a deployment are `https` alone (docs/divergences.md). */
const WISHED = new Set(['w_distribution_point_missing_ldap_or_uri']);

describeWithTool('every kind of certificate that is minted', ['pkilint', 'zlint', 'openssl'], (tools) => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-linters-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  let minted: readonly Minted[];
  beforeAll(async () => {
    minted = await mintEveryKind();
  });

  const write = (name: string, ders: readonly Uint8Array[]) => {
    const path = join(dir, name);
    writeFileSync(path, ders.map((der) => encodePem('CERTIFICATE', der)).join(''));
    return path;
  };

  test('is accepted by OpenSSL in strict mode', async () => {
    for (const [index, { name, path }] of minted.entries()) {
      const [self, ...above] = path as [Uint8Array, ...Uint8Array[]];
      const root = write(`${index}-root.pem`, [above.at(-1) ?? self]);
      const between = write(`${index}-between.pem`, above.slice(0, -1));
      const untrusted = above.length > 1 ? ['-untrusted', between] : [];
      const rules = ['verify', '-x509_strict', '-check_ss_sig', '-attime', String(START_MS / 1000), '-CAfile', root];
      const { stdout } = await run(tools.openssl, [...rules, ...untrusted, write(`${index}.pem`, [self])]);
      expect(stdout, name).toContain(': OK');
    }
  });

  test('is found without fault by zlint, by the rules of the RFCs', async () => {
    for (const [index, { name, path }] of minted.entries()) expect(await zlint(path[0], index), name).toEqual([]);
  });

  async function zlint(der: Uint8Array | undefined, index: number): Promise<string[]> {
    const sources = '-includeSources=RFC5280,RFC5480,RFC3279,RFC5891,RFC8813';
    const { stdout } = await run(tools.zlint, [sources, write(`${index}-zlint.pem`, [der as Uint8Array])]);
    const results = Object.entries(JSON.parse(stdout) as { [lint: string]: { result: string } });
    expect(results.length).toBeGreaterThan(50);
    const found = results.filter(([, { result }]) => !['pass', 'NA', 'NE'].includes(result)).map(([lint]) => lint);
    return found.filter((lint) => !WISHED.has(lint));
  }

  test('is found without fault by pkilint, by itself and as issued by the one above it', async () => {
    for (const [index, { name, path }] of minted.entries()) expect(await pkilint(path, index), name).toEqual([]);
  }, 240_000);

  /** Codes of findings. */
  async function pkilint([self, above]: readonly Uint8Array[], index: number): Promise<string[]> {
    const own = write(`${index}-pkilint.pem`, [self as Uint8Array]);
    const flags = ['-s', 'WARNING', '-f', 'JSON'];
    const chain = join(dirname(tools.pkilint), 'lint_pkix_signer_signee_cert_chain');
    const outputs = await Promise.all([
      found(tools.pkilint, ['lint', ...flags, own]),
      above === undefined ? '' : found(chain, ['lint', ...flags, write(`${index}-above.pem`, [above]), own]),
    ]);
    const codes = outputs.flatMap((output) => [...output.matchAll(/"code": "([^"]+)"/g)].map(([, code]) => code ?? ''));
    return codes.filter((code) => !KNOWN_FALSE.has(code));
  }

  /** Its exit code is the number of findings. */
  async function found(program: string, args: readonly string[]): Promise<string> {
    try {
      return (await run(program, args)).stdout;
    } catch (fault) {
      const { stdout, stderr } = fault as { stdout: string; stderr: string };
      if (!stdout.includes('"results"')) throw new Error(stderr, { cause: fault });
      return stdout;
    }
  }

  /** Signed past our own lints, by a signer of nobody's. */
  async function faulty(...extensions: readonly Uint8Array[]): Promise<Uint8Array> {
    const signer = generateSoftwareSigner('ES256');
    const signatureAlgorithm = x509AlgorithmOf(signer);
    const tbs = createTbsCertificate({
      ...{ serial: createSerial(), issuer: createName('nobody'), subject: createName(), signatureAlgorithm },
      ...{ notBeforeMs: START_MS, notAfterMs: START_MS + 3_600_000, spki: signer.spki },
      extensions: [
        subjectKeyId(keyIdOf(signer.spki)),
        authorityKeyId(keyIdOf(signer.spki)),
        basicConstraints({ isCa: false }),
        ...extensions,
      ],
    });
    return sequence(tbs, signatureAlgorithm, bitString(await signer.sign(tbs)));
  }

  test('is judged by linters that see faults: what may sign certificates and is no authority', async () => {
    const leaf = await faulty(keyUsage('digitalSignature', 'keyCertSign'));
    expect(await zlint(leaf, 1000)).not.toEqual([]);
    expect(await pkilint([leaf], 1000)).not.toEqual([]);
  });

  test('needs lints of our own too: neither sees lists of revocation beside the word that there are none', async () => {
    const point = element(contextTag(6, 'primitive'), Buffer.from('http://demo.test/crl'));
    const name = element(contextTag(0, 'constructed'), element(contextTag(0, 'constructed'), point));
    const lists = sequence(oid('2.5.29.31'), octetString(sequence(sequence(name))));
    const leaf = await faulty(keyUsage('digitalSignature'), lists, noRevAvail());
    expect(await zlint(leaf, 1001)).toEqual([]);
    expect(await pkilint([leaf], 1001)).toEqual([]);
    const certificate = readOwnCertificate(leaf);
    expect(LINTS.find((lint) => lint.name === 'no-rev-avail-alone')?.holds(certificate, undefined)).toBe(false);
  });
});
