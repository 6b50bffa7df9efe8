import { generateSoftwareSigner, type Signer, SignerUnavailable } from '@postern/keys';
import { parseTrustDomain } from '@postern/spiffe';
import { StoreUnavailable } from '@postern/store';
import { createManualClock, type ManualClock } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { createKmsIssuer, type StoredIssuerCertificate } from './kms_issuer.ts';
import { KMS_ISSUER_SECONDS } from './profile.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
import { must, START_MS, trustDomain } from './testing/world.ts';

const DAY_MS = 24 * 3_600_000;
const rootSigner = generateSoftwareSigner('ES384');
const keys = [generateSoftwareSigner('ES256'), generateSoftwareSigner('ES256')] as const;

let clock: ManualClock;
let root: ReturnType<typeof readOwnCertificate>;
/** Newest first. */
let stored: StoredIssuerCertificate[];
let reads: number;
let distrusted: Set<string>;

beforeEach(async () => {
  clock = createManualClock(START_MS);
  root = readOwnCertificate(await createRootCertificate({ signer: rootSigner, trustDomain, nowMs: START_MS }));
  stored = [];
  reads = 0;
  distrusted = new Set();
});

const certify = (key: Signer = keys[0], over: Partial<Parameters<typeof certifyIssuer>[0]> = {}) =>
  certifyIssuer({
    ...{ rootSigner, root, spki: key.spki, trustDomain, nowMs: clock.nowMs(), lifeSeconds: KMS_ISSUER_SECONDS },
    ...over,
  });

function open(over: Partial<Parameters<typeof createKmsIssuer>[0]> = {}) {
  return createKmsIssuer({
    trustDomain,
    clock,
    roots: async () => [root],
    stored: async function* () {
      reads += 1;
      yield* stored;
    },
    async signer(generation) {
      const signer = keys[generation - 1];
      if (signer === undefined) throw new SignerUnavailable(`no generation ${generation}`);
      return signer;
    },
    isDistrusted: async (keyId) => distrusted.has(keyId),
    ...over,
  });
}

describe('the issuer in the key store', () => {
  test('signs with the newest certified key, and is read once an hour', async () => {
    stored = [{ der: await certify(), generation: 1 }];
    const issuer = open();
    for (let minute = 0; minute < 59; minute++) {
      expect((await issuer()).signer).toBe(keys[0]);
      clock.advanceMs(60_000);
    }
    expect(reads).toBe(1);
    stored.unshift({ der: await certify(keys[1]), generation: 2 });
    clock.advanceMs(60_000);
    expect((await issuer()).signer).toBe(keys[1]);
    expect(reads).toBe(2);
  });

  test('is used no more once it is distrusted: not when its certificate is the newest, nor when there is no other', async () => {
    stored = [{ der: await certify(), generation: 1 }];
    const issuer = open();
    const { certificate } = await issuer();
    distrusted.add(certificate.subjectKeyId as string);
    clock.advanceMs(60_000);
    await expect(issuer()).rejects.toThrow(SignerUnavailable);
    stored.unshift({ der: await certify(keys[1]), generation: 2 });
    expect((await issuer()).signer).toBe(keys[1]);
  });

  test('goes on while the store is away, until it cannot cover the shortest leaf', async () => {
    stored = [{ der: await certify(), generation: 1 }];
    let isAway = false;
    const issuer = open({
      stored: async function* () {
        if (isAway) throw new StoreUnavailable('away');
        yield* stored;
      },
    });
    await issuer();
    isAway = true;
    clock.advanceMs(13 * DAY_MS);
    expect((await issuer()).signer).toBe(keys[0]);
    clock.advanceMs(DAY_MS);
    await expect(issuer()).rejects.toThrow(StoreUnavailable);
  });

  test('sends along what is above it', async () => {
    stored = [{ der: await certify(), generation: 1 }];
    const { chain } = await open({ above: async () => [Uint8Array.of(1)] })();
    expect(chain.slice(1)).toEqual([Uint8Array.of(1)]);
  });
});

describe('what somebody put where the certificates are is not signed with', () => {
  const other = generateSoftwareSigner('ES384');
  const rows: [string, () => Promise<StoredIssuerCertificate>][] = [
    ['what is no certificate', async () => ({ der: Uint8Array.of(1, 2, 3), generation: 1 })],
    [
      'a certificate by another root of the same name',
      async () => {
        const theirs = readOwnCertificate(await createRootCertificate({ signer: other, trustDomain, nowMs: START_MS }));
        return { der: await certify(keys[0], { rootSigner: other, root: theirs }), generation: 1 };
      },
    ],
    ['the root itself', async () => ({ der: root.der, generation: 1 })],
    ['a genuine one of another key', async () => ({ der: await certify(keys[1]), generation: 1 })],
    ['a genuine one of a generation that is none', async () => ({ der: await certify(keys[1]), generation: 9999 })],
    [
      'one that is over',
      async () => ({ der: await certify(keys[1], { nowMs: START_MS, lifeSeconds: 60 }), generation: 2 }),
    ],
  ];
  test.each(rows)('%s', async (_name, make) => {
    clock.advanceMs(120_000);
    stored = [await make()];
    await expect(open()()).rejects.toThrow(SignerUnavailable);
    stored.push({ der: await certify(), generation: 1 });
    expect((await open()()).signer).toBe(keys[0]);
  });

  test('a certificate of another trust domain by the same root key', async () => {
    const evil = must(parseTrustDomain('evil.test'));
    const theirs = readOwnCertificate(
      await createRootCertificate({ signer: rootSigner, trustDomain: evil, nowMs: START_MS }),
    );
    stored = [{ der: await certify(keys[0], { root: theirs, trustDomain: evil }), generation: 1 }];
    await expect(open({ roots: async () => [root, theirs] })()).rejects.toThrow(SignerUnavailable);
  });
});
