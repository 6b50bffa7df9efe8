import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { formatTrustBundle, parseTrustBundle, parseTrustDomain } from '@postern/spiffe';
import { beforeAll, describe, expect, test } from 'vitest';
import { createRootCertificate } from './root.ts';
import { must, START_MS, trustDomain } from './testing/world.ts';
import { createTrustBundle } from './trust_bundle.ts';

const createRoot = (of = trustDomain) =>
  createRootCertificate({ signer: generateSoftwareSigner('ES384'), trustDomain: of, nowMs: START_MS });
const jwtKey = jwkFromSpki(generateSoftwareSigner('ES256').spki);
let root: Uint8Array;
let next: Uint8Array;

beforeAll(async () => {
  [root, next] = await Promise.all([createRoot(), createRoot()]);
});

test('a bundle is what consumers read again', () => {
  const bundle = createTrustBundle({ trustDomain, roots: [root, next], jwtKeys: [jwtKey] });
  const read = must(parseTrustBundle(formatTrustBundle(bundle), trustDomain));
  expect(read.x509Authorities.map((der) => Buffer.from(der))).toEqual([root, next].map((der) => Buffer.from(der)));
  expect(read.jwtAuthorities.map(({ keyId }) => keyId)).toEqual([jwtKey['kid']]);
  expect(read).toMatchObject({ sequence: 1, refreshHintSeconds: 300 });
});

describe('the sequence', () => {
  const content = () => ({ trustDomain, roots: [root], jwtKeys: [jwtKey] });

  test('stays while nothing changes, also after a journey over the wire', () => {
    const bundle = createTrustBundle(content());
    const read = must(parseTrustBundle(formatTrustBundle(bundle), trustDomain));
    expect(createTrustBundle(content(), bundle).sequence).toBe(1);
    expect(createTrustBundle(content(), read).sequence).toBe(1);
  });

  test('grows with every change: a consumer never takes an older bundle for a newer one', () => {
    const first = createTrustBundle(content());
    const added = createTrustBundle({ ...content(), roots: [root, next] }, first);
    const removed = createTrustBundle({ ...content(), roots: [next] }, added);
    const back = createTrustBundle(content(), removed);
    const withoutKeys = createTrustBundle({ ...content(), jwtKeys: [] }, back);
    const hinted = createTrustBundle({ ...content(), jwtKeys: [], refreshHintSeconds: 60 }, withoutKeys);
    expect([first, added, removed, back, withoutKeys, hinted].map(({ sequence }) => sequence)).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
  });

  test('begins after a bundle that had none', () => {
    const { sequence: _, ...unnumbered } = createTrustBundle(content());
    expect(createTrustBundle({ ...content(), roots: [next] }, unnumbered).sequence).toBe(1);
  });
});

describe('is never published:', () => {
  test('a root of another trust domain', async () => {
    const foreign = await createRoot(must(parseTrustDomain('evil.test')));
    expect(() => createTrustBundle({ trustDomain, roots: [root, foreign], jwtKeys: [] })).toThrow(
      /another trust domain/,
    );
  });

  test('octets that are no certificate', () => {
    expect(() => createTrustBundle({ trustDomain, roots: [Uint8Array.of(1)], jwtKeys: [] })).toThrow(/cannot be read/);
  });

  test('a key without its id, or two with one', () => {
    const { kid: _, ...anonymous } = jwtKey;
    for (const jwtKeys of [[anonymous as typeof jwtKey], [{ ...jwtKey, kid: '' }], [jwtKey, jwtKey]])
      expect(() => createTrustBundle({ trustDomain, roots: [root], jwtKeys })).toThrow(TypeError);
  });

  test('a bundle in the line of another trust domain', () => {
    const bundle = createTrustBundle({ trustDomain, roots: [root], jwtKeys: [] });
    const foreign = { ...bundle, trustDomain: must(parseTrustDomain('evil.test')) };
    expect(() => createTrustBundle({ trustDomain, roots: [root], jwtKeys: [] }, foreign)).toThrow(
      /another trust domain/,
    );
  });
});
