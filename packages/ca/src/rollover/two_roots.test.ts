/** While a root rolls over verifiers have two: OpenSSL, by both at once, takes what either signed, and nothing by one alone. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@postern/der';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCsr } from '../create_csr.ts';
import { WORKLOAD_PROFILE } from '../profile.ts';
import { missingOpenSsl, openSsl } from '../testing/openssl.ts';
import { createWorld, must, START_MS, spiffeId } from '../testing/world.ts';

describe.skipIf(missingOpenSsl !== undefined)('a leaf of one of two roots', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-two-roots-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const write = (name: string, ...certificates: readonly Uint8Array[]) => {
    writeFileSync(join(dir, name), certificates.map((der) => encodePem('CERTIFICATE', der)).join(''));
    return join(dir, name);
  };
  let [both, old, next] = ['', '', ''];
  let leaves: readonly (readonly [leaf: string, issuer: string])[];

  beforeAll(async () => {
    // Of the same name, so that only the key tells them apart: path building has to try.
    const worlds = [await createWorld(), await createWorld()] as const;
    const [first, second] = worlds.map(({ root }) => root) as [Uint8Array, Uint8Array];
    [both, old, next] = [write('both.pem', first, second), write('old.pem', first), write('next.pem', second)];
    leaves = await Promise.all(
      worlds.map(async ({ authority }, index) => {
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const request = { spiffeId, dnsNames: [], profile: WORKLOAD_PROFILE, csr: createCsr(privateKey, {}) };
        const issued = must(await authority.issueX509Svid({ ...request, requester: 'test' }));
        const [leaf, issuer] = issued.chain as [Uint8Array, Uint8Array];
        return [write(`leaf-${index}.pem`, leaf), write(`issuer-${index}.pem`, issuer)] as const;
      }),
    );
  });

  function isTaken([leaf, issuer]: readonly [string, string], roots: string): boolean {
    const rules = ['-x509_strict', '-purpose', 'sslclient', '-attime', String(START_MS / 1000)];
    try {
      return openSsl(['verify', ...rules, '-CAfile', roots, '-untrusted', issuer, leaf])
        .toString()
        .includes('OK');
    } catch {
      return false;
    }
  }

  test('is taken by whoever has both, or its own, and not by the other alone', () => {
    const verdicts = leaves.map((leaf) => [both, old, next].map((roots) => isTaken(leaf, roots)));
    expect(verdicts).toEqual([
      [true, true, false],
      [true, false, true],
    ]);
  });
});
