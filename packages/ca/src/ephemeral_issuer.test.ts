import { KeyObject } from 'node:crypto';
import { generateSoftwareSigner, SignerUnavailable } from '@postern/keys';
import { type CountedSigner, countSigns } from '@postern/keys/testing';
import { StoreUnavailable } from '@postern/store';
import { createManualClock, type ManualClock } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CertifyIssuerKey, createEphemeralIssuer } from './ephemeral_issuer.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
import { START_MS, trustDomain } from './testing/world.ts';

const HOUR_MS = 3_600_000;

let clock: ManualClock;
let rootSigner: CountedSigner;
let certify: CertifyIssuerKey;
/** Uses of the root key after it signed its own certificate. */
let used: () => number;
let isAway: boolean;

beforeEach(async () => {
  clock = createManualClock(START_MS);
  rootSigner = countSigns(generateSoftwareSigner('ES384'));
  const root = readOwnCertificate(await createRootCertificate({ signer: rootSigner, trustDomain, nowMs: START_MS }));
  isAway = false;
  used = () => rootSigner.count - 1;
  certify = async (spki) => {
    if (isAway) throw new SignerUnavailable('away');
    return certifyIssuer({ rootSigner, root, spki, trustDomain, nowMs: clock.nowMs() });
  };
});

const keyIdNow = async (issuer: () => ReturnType<ReturnType<typeof createEphemeralIssuer>>) =>
  (await issuer()).signer.keyId;

describe('the root key is used', () => {
  test('once, however many ask at once', async () => {
    const issuer = createEphemeralIssuer({ certify, clock });
    const keys = await Promise.all(Array.from({ length: 50 }, () => keyIdNow(issuer)));
    expect(new Set(keys).size).toBe(1);
    expect(used()).toBe(1);
  });

  test('again only when the issuer cannot cover a leaf of the usual life any more, and then for a new key', async () => {
    const issuer = createEphemeralIssuer({ certify, clock });
    const first = await keyIdNow(issuer);
    clock.advanceMs(4 * HOUR_MS - 1000);
    expect(await keyIdNow(issuer)).toBe(first);
    expect(used()).toBe(1);
    clock.advanceMs(1000);
    const keys = await Promise.all(Array.from({ length: 20 }, () => keyIdNow(issuer)));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).not.toBe(first);
    expect(used()).toBe(2);
  });
});

describe('while the root key is out of reach', () => {
  test('the first caller is told, and the next one tries again', async () => {
    const issuer = createEphemeralIssuer({ certify, clock });
    isAway = true;
    await expect(issuer()).rejects.toThrow(SignerUnavailable);
    isAway = false;
    await expect(issuer()).resolves.toBeDefined();
    expect(used()).toBe(1);
  });

  test('the present issuer goes on, so that an outage of hours harms nobody', async () => {
    const issuer = createEphemeralIssuer({ certify, clock });
    const first = await keyIdNow(issuer);
    isAway = true;
    clock.advanceMs(7 * HOUR_MS);
    expect(await keyIdNow(issuer)).toBe(first);
  });

  test('but not beyond its end, nor when it cannot cover the shortest leaf', async () => {
    const issuer = createEphemeralIssuer({ certify, clock });
    await issuer();
    isAway = true;
    clock.advanceMs(8 * HOUR_MS - 4 * 60_000);
    await expect(issuer()).rejects.toThrow(SignerUnavailable);
    clock.advanceMs(HOUR_MS);
    await expect(issuer()).rejects.toThrow(SignerUnavailable);
  });

  test('it is asked twice a minute, not by every caller', async () => {
    let asked = 0;
    const counted: CertifyIssuerKey = (spki) => {
      asked += 1;
      return certify(spki);
    };
    const issuer = createEphemeralIssuer({ certify: counted, clock });
    await issuer();
    isAway = true;
    clock.advanceMs(5 * HOUR_MS);
    for (let index = 0; index < 100; index++) await issuer();
    expect(asked).toBe(2);
    clock.advanceMs(30_000);
    await issuer();
    expect(asked).toBe(3);
    isAway = false;
    clock.advanceMs(30_000);
    const before = used();
    await issuer();
    expect(used()).toBe(before + 1);
  });
});

describe('an answer is not believed', () => {
  test('when the certificate is for another key: leaves would not verify', async () => {
    const other = generateSoftwareSigner('ES256');
    const issuer = createEphemeralIssuer({ certify: () => certify(other.spki), clock });
    await expect(issuer()).rejects.toThrow('another key');
  });

  test('when it is no certificate', async () => {
    const issuer = createEphemeralIssuer({ certify: async () => Uint8Array.of(1, 2, 3), clock });
    await expect(issuer()).rejects.toThrow('cannot be read');
  });
});

describe('an issuer that was distrusted', () => {
  test('signs no more within a minute, and another takes its place', async () => {
    const distrusted = new Set<string>();
    const isDistrusted = async (keyId: string) => distrusted.has(keyId);
    const issuer = createEphemeralIssuer({ certify, isDistrusted, clock });
    const first = await issuer();
    distrusted.add(first.certificate.subjectKeyId as string);
    clock.advanceMs(60_000);
    const keys = await Promise.all(Array.from({ length: 20 }, () => keyIdNow(issuer)));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).not.toBe(first.signer.keyId);
    expect(used()).toBe(2);
  });

  test('does not go on while the root key is away', async () => {
    const issuer = createEphemeralIssuer({ certify, isDistrusted: async () => true, clock });
    await issuer();
    isAway = true;
    clock.advanceMs(60_000);
    await expect(issuer()).rejects.toThrow(SignerUnavailable);
  });

  test('is asked about once a minute, and while nobody can say it goes on', async () => {
    let asked = 0;
    const isDistrusted = async () => {
      asked += 1;
      throw new StoreUnavailable('away');
    };
    const issuer = createEphemeralIssuer({ certify, isDistrusted, clock });
    const first = await keyIdNow(issuer);
    for (let minute = 1; minute <= 3; minute++) {
      clock.advanceMs(60_000);
      for (let index = 0; index < 50; index++) expect(await keyIdNow(issuer)).toBe(first);
      expect(asked).toBe(minute);
    }
  });
});

test('an issuer below an intermediate sends it along', async () => {
  const above = async () => [Uint8Array.of(1)];
  const { chain } = await createEphemeralIssuer({ certify, above, clock })();
  expect(chain).toHaveLength(2);
  expect(chain[1]).toEqual(Uint8Array.of(1));
});

test('the key of an issuer is P-256, in memory only, and each instance has its own', async () => {
  const one = await createEphemeralIssuer({ certify, clock })();
  const two = await createEphemeralIssuer({ certify, clock })();
  expect(one.signer.algorithm).toBe('ES256');
  expect(one.signer.keyId).not.toBe(two.signer.keyId);
  expect(one.certificate.serial).not.toBe(two.certificate.serial);
  expect(Object.values(one.signer).some((value) => value instanceof KeyObject)).toBe(false);
});
