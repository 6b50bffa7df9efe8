import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@postern/der';
import { SignerUnavailable } from '@postern/keys';
import { type CountedSigner, countSigns, createFailingSigner } from '@postern/keys/testing';
import { parseSpiffeId } from '@postern/spiffe';
import { StoreUnavailable } from '@postern/store';
import { afterAll, describe, expect, test } from 'vitest';
import type { IssueRequest } from './authority.ts';
import { createName } from './certificate_der.ts';
import { createCsr } from './create_csr.ts';
import { AGENT_PROFILE, createLeafProfile, KMS_PROFILE, PROFILES, WORKLOAD_PROFILE } from './profile.ts';
import { readOwnCertificate } from './root.ts';
import { craftCsr, extensionRequest, names } from './testing/craft_csr.ts';
import { missingOpenSsl, openSsl } from './testing/openssl.ts';
import { createWorld, must, START_MS, spiffeId, trustDomain, type World } from './testing/world.ts';

const HOUR_MS = 3_600_000;
const ec = (namedCurve = 'P-256') => generateKeyPairSync('ec', { namedCurve }).privateKey;
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey;
const key = ec();

const request = (over: Partial<IssueRequest> = {}): IssueRequest => ({
  spiffeId,
  dnsNames: [],
  profile: WORKLOAD_PROFILE,
  csr: createCsr(key, {}),
  requester: 'spiffe://demo.test/postern/agent/node-1',
  ...over,
});

/** A world whose leaf key counts. */
async function createCountedWorld(options: Parameters<typeof createWorld>[0] = {}) {
  let leafSigner: CountedSigner | undefined;
  const world = await createWorld({
    ...options,
    leafSigner: (own) => {
      leafSigner ??= countSigns(options.leafSigner?.(own) ?? own);
      return leafSigner;
    },
  });
  return { ...world, signs: () => leafSigner?.count ?? 0 };
}

const told = (world: Pick<World, 'log'>) => world.log.map(([what]) => what);

describe('an X.509-SVID', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-ca-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  if (missingOpenSsl !== undefined) console.warn(`skipped in part: ${missingOpenSsl}`);

  const keys: [string, () => KeyObject][] = [
    ['P-256', () => key],
    ['P-384', () => ec('P-384')],
    ['RSA 2048', () => rsa(2048)],
    ['RSA 4096', () => rsa(4096)],
    ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
  ];
  const kinds = keys.flatMap(([name, make]) =>
    Object.values(PROFILES).map((profile) => [name, profile.name, make, profile] as const),
  );
  test.each(kinds)(
    'for a %s key and the profile %s is accepted by our own verifier and by OpenSSL in strict mode',
    async (...row) => {
      const [, , make, profile] = row;
      const world = await createWorld();
      const csr = createCsr(make(), { spiffeId: spiffeId.uri });
      const wish = request({ csr, dnsNames: ['payments.demo.test'], profile });
      const issued = must(await world.authority.issueX509Svid(wish));
      expect(world.verify(issued.chain)).toBe(true);
      const [leaf, issuer] = issued.chain as [Uint8Array, Uint8Array];
      expect(readOwnCertificate(leaf)).toMatchObject({
        serial: issued.serial,
        notAfterMs: issued.notAfterMs,
        notBeforeMs: issued.notBeforeMs,
        keyUsage: { isCritical: true, usages: new Set(['digitalSignature']) },
        subjectAltName: { uris: [spiffeId.uri], dnsNames: ['payments.demo.test'] },
      });
      expect(Buffer.compare(readOwnCertificate(leaf).subject, createName())).toBe(0);
      if (missingOpenSsl !== undefined) return;
      for (const [name, der] of [
        ['root', world.root],
        ['issuer', issuer],
        ['leaf', leaf],
      ] as const)
        writeFileSync(join(dir, `${name}.pem`), encodePem('CERTIFICATE', der));
      const [root, intermediate, end] = ['root', 'issuer', 'leaf'].map((name) => join(dir, `${name}.pem`)) as [
        string,
        string,
        string,
      ];
      for (const purpose of ['sslserver', 'sslclient']) {
        const rules = ['-x509_strict', '-purpose', purpose, '-attime', String(START_MS / 1000)];
        expect(openSsl(['verify', ...rules, '-CAfile', root, '-untrusted', intermediate, end]).toString()).toContain(
          'leaf.pem: OK',
        );
      }
    },
  );

  test('says in the record exactly what is in the certificate', async () => {
    const world = await createWorld();
    const issued = must(await world.authority.issueX509Svid(request({ entryId: 'entry-1', dnsNames: ['a.test'] })));
    const { chain, ...issuance } = issued;
    expect(world.log).toEqual([
      ['begin', issuance],
      ['complete', issuance],
    ]);
    const leaf = readOwnCertificate(chain[0] as Uint8Array);
    expect(issuance).toEqual({
      spiffeId: leaf.subjectAltName?.uris[0],
      profile: 'workload',
      serial: leaf.serial,
      tbsDigest: createHash('sha256').update(leaf.tbs).digest('hex'),
      dnsNames: leaf.subjectAltName?.dnsNames,
      keyThumbprint: expect.stringMatching(/^[\w-]{43}$/),
      issuerKeyId: leaf.authorityKeyId,
      notBeforeMs: leaf.notBeforeMs,
      notAfterMs: leaf.notAfterMs,
      requester: 'spiffe://demo.test/postern/agent/node-1',
      entryId: 'entry-1',
    });
  });

  test('never carries the root along', async () => {
    const world = await createWorld();
    const { chain } = must(await world.authority.issueX509Svid(request()));
    expect(chain).toHaveLength(2);
    expect(chain.some((der) => Buffer.compare(der, world.root) === 0)).toBe(false);
  });

  test('is believed by nobody who has another root', async () => {
    const [world, other] = [await createWorld(), await createWorld()];
    const { chain } = must(await world.authority.issueX509Svid(request()));
    expect([world.verify(chain), other.verify(chain)]).toEqual([true, false]);
  });
});

describe('a lifetime', () => {
  const lifeOf = async (over: Partial<IssueRequest>, atMs = START_MS) => {
    const world = await createWorld();
    world.clock.set(atMs);
    const issued = await world.authority.issueX509Svid(request(over));
    return issued.ok ? issued.value.notAfterMs - atMs : issued.reason;
  };

  test.each([
    ['as wished', { ttlSeconds: 3600 }, HOUR_MS],
    ['of the profile when nothing is wished', {}, 4 * HOUR_MS],
    ['never under the profile’s least', { ttlSeconds: 1 }, 300_000],
    ['never over the profile’s most', { profile: KMS_PROFILE, ttlSeconds: 999_999 }, 24 * HOUR_MS],
    ['never beyond the issuer’s', { ttlSeconds: 86_400 }, 8 * HOUR_MS],
    ['never beyond the entry’s end', { notAfterMs: START_MS + HOUR_MS + 999 }, HOUR_MS],
    ['never beyond the issuer’s, for agents too', { profile: AGENT_PROFILE }, 8 * HOUR_MS],
  ])('is %s', async (_name, over, expected) => {
    expect(await lifeOf(over)).toBe(expected);
  });

  test('of the least is issued in any millisecond of a second', async () => {
    for (const ms of [0, 1, 500, 999]) expect(await lifeOf({ ttlSeconds: 300 }, START_MS + ms)).toBe(300_000 - ms);
  });

  test('begins in the past, for clocks that are behind, but not before the issuer’s', async () => {
    const world = await createWorld();
    const early = must(
      await world.authority.issueX509Svid(
        request({ profile: createLeafProfile({ ...WORKLOAD_PROFILE, backdateSeconds: 300 }) }),
      ),
    );
    expect(early.notBeforeMs).toBe(START_MS - 60_000);
    world.clock.set(START_MS + HOUR_MS);
    const later = must(await world.authority.issueX509Svid(request()));
    expect(later.notBeforeMs).toBe(START_MS + HOUR_MS - 60_000);
  });

  test('shorter than the profile’s least is refused, not issued: it would end before it arrives', async () => {
    let isAway = false;
    const world = await createWorld({
      certify: (own) => (spki) => {
        if (isAway) throw new SignerUnavailable('away');
        return own(spki);
      },
    });
    must(await world.authority.issueX509Svid(request()));
    isAway = true;
    world.clock.set(START_MS + 8 * HOUR_MS - 10 * 60_000);
    const long = createLeafProfile({ ...WORKLOAD_PROFILE, minTtlSeconds: 1200 });
    expect(await world.authority.issueX509Svid(request({ profile: long }))).toMatchObject({
      reason: 'issuer-life-too-short',
    });
    expect(await world.authority.issueX509Svid(request())).toMatchObject({
      ok: true,
      value: { notAfterMs: START_MS + 8 * HOUR_MS },
    });
  });
});

test('nothing is signed for an entry that ends sooner than the profile’s least', async () => {
  const world = await createCountedWorld();
  const before = world.signs();
  const end = (seconds: number) =>
    world.authority.issueX509Svid(request({ notAfterMs: START_MS + seconds * 1000, ttlSeconds: 300 }));
  expect(await end(299)).toMatchObject({ ok: false, reason: 'entry-ending' });
  expect(await end(-1)).toMatchObject({ ok: false, reason: 'entry-ending' });
  expect(world.signs()).toBe(before);
  expect(await end(300)).toMatchObject({ ok: true, value: { notAfterMs: START_MS + 300_000 } });
});

describe('what it costs', () => {
  test('1,000 SVIDs are one use of the root key, and one of the leaf key each', async () => {
    const world = await createCountedWorld();
    const before = world.rootSigner.count;
    const csr = createCsr(key, {});
    for (let index = 0; index < 1000; index++) must(await world.authority.issueX509Svid(request({ csr })));
    expect([world.rootSigner.count - before, world.signs()]).toEqual([1, 1000]);
    expect(new Set(world.log.map(([, { serial }]) => serial)).size).toBe(1000);
  });

  test('1,000 SVIDs of the profile kms are one use of the key in KMS each, and none of the root key', async () => {
    const world = await createCountedWorld();
    const before = world.rootSigner.count;
    const csr = createCsr(key, {});
    for (let index = 0; index < 1000; index++)
      must(await world.authority.issueX509Svid(request({ csr, profile: KMS_PROFILE })));
    expect([world.rootSigner.count - before, world.signs(), world.kmsSigner.count]).toEqual([0, 0, 1000]);
  });

  test('a refused request is neither a signature nor a record', async () => {
    const world = await createCountedWorld();
    const before = world.rootSigner.count;
    for (const profile of Object.values(PROFILES))
      await world.authority.issueX509Svid(request({ csr: new Uint8Array(), profile }));
    expect([world.signs(), world.kmsSigner.count, world.rootSigner.count - before, world.log]).toEqual([0, 0, 0, []]);
  });
});

describe('nothing is signed', () => {
  test('when the record of its beginning cannot be made durable', async () => {
    const world = await createCountedWorld({
      audit: {
        begin: async () => {
          throw new StoreUnavailable('disk full');
        },
      },
    });
    await expect(world.authority.issueX509Svid(request())).rejects.toThrow(StoreUnavailable);
    expect([world.signs(), world.log]).toEqual([0, []]);
  });

  test('before the record of its beginning is durable', async () => {
    let signsAtBegin: number | undefined;
    const world = await createCountedWorld({
      audit: {
        begin: async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          signsAtBegin = world.signs();
        },
      },
    });
    must(await world.authority.issueX509Svid(request()));
    expect(signsAtBegin).toBe(0);
  });

  test('when the root key cannot be used', async () => {
    const world = await createCountedWorld({
      certify: () => async () => {
        throw new SignerUnavailable('away');
      },
    });
    expect(await world.authority.issueX509Svid(request())).toMatchObject({ reason: 'authority-unavailable' });
    expect([world.signs(), world.log]).toEqual([0, []]);
  });

  const foreign = must(parseSpiffeId('spiffe://evil.test/payments'));
  const rows: [string, () => Partial<IssueRequest>, string][] = [
    [
      'for a foreign SPIFFE ID in the request',
      () => ({ csr: createCsr(key, { spiffeId: 'spiffe://demo.test/admin' }) }),
      'csr-san-not-entitled',
    ],
    [
      'for a foreign trust domain in the request',
      () => ({ csr: createCsr(key, { spiffeId: foreign.uri }) }),
      'csr-san-not-entitled',
    ],
    [
      'for a second SPIFFE ID in the request',
      () => ({ csr: craftCsr(key, { attributes: [extensionRequest(names([6, spiffeId.uri], [6, foreign.uri]))] }) }),
      'csr-extra-uri',
    ],
    [
      'for a DNS name that is not granted',
      () => ({ csr: craftCsr(key, { attributes: [extensionRequest(names([2, 'admin.demo.test']))] }) }),
      'csr-san-not-entitled',
    ],
    ['for a weak key', () => ({ csr: createCsr(rsa(1024), {}) }), 'csr-key-weak'],
    ['for a key of another kind', () => ({ csr: createCsr(ec('P-521'), {}) }), 'csr-key-unsupported'],
    ['for a key that its holder has not proved', () => ({ csr: flipLast(createCsr(key, {})) }), 'csr-signature'],
    ['for no request at all', () => ({ csr: new Uint8Array() }), 'csr-malformed'],
    ['for an oversized request', () => ({ csr: new Uint8Array(8 * 1024 + 1) }), 'csr-too-large'],
    [
      'for the SPIFFE ID in a request for a server',
      () => ({ csr: createCsr(key, { spiffeId: spiffeId.uri }), dnsNames: ['a.demo.test'], isServer: true }),
      'csr-san-not-entitled',
    ],
    ['for a server without a name', () => ({ isServer: true }), 'lint-unreadable'],
    ['for a grant of another trust domain', () => ({ spiffeId: foreign }), 'lint-failed'],
    [
      'for a grant of the trust domain itself',
      () => ({ spiffeId: must(parseSpiffeId('spiffe://demo.test')) }),
      'lint-failed',
    ],
    [
      'for a granted DNS name that a proxy takes for a SPIFFE ID',
      () => ({ dnsNames: ['spiffe://demo.test/admin'] }),
      'lint-failed',
    ],
  ];
  test.each(rows)('%s', async (_name, over, reason) => {
    const world = await createCountedWorld();
    expect(await world.authority.issueX509Svid(request(over()))).toMatchObject({ ok: false, reason });
    expect([world.signs(), world.log]).toEqual([0, []]);
  });
});

describe('when the leaf key fails', () => {
  test('because it is out of reach, the record says so and the caller may come again', async () => {
    const world = await createCountedWorld({ leafSigner: createFailingSigner });
    expect(await world.authority.issueX509Svid(request())).toMatchObject({ reason: 'authority-unavailable' });
    expect(told(world)).toEqual(['begin', 'failed authority-unavailable']);
  });

  test('because of a bug, the record says so and the fault is not hidden', async () => {
    const broken = async () => {
      throw new TypeError('broken');
    };
    const world = await createCountedWorld({ leafSigner: (own) => ({ ...own, sign: broken }) });
    await expect(world.authority.issueX509Svid(request())).rejects.toThrow(TypeError);
    expect(told(world)).toEqual(['begin', 'failed signer-fault']);
  });
});

test('a certificate whose end cannot be recorded is not handed out; its beginning stays open in the record', async () => {
  const world = await createCountedWorld({
    audit: {
      complete: async () => {
        throw new StoreUnavailable('disk full');
      },
    },
  });
  await expect(world.authority.issueX509Svid(request())).rejects.toThrow(StoreUnavailable);
  expect(told(world)).toEqual(['begin']);
});

test('an issuer that is certified for hours only has no authority below it', async () => {
  const world = await createWorld();
  const { chain } = must(await world.authority.issueX509Svid(request()));
  const issuer = readOwnCertificate(chain[1] as Uint8Array);
  expect(issuer.basicConstraints).toEqual({ isCritical: true, isCa: true, pathLength: 0 });
  expect(issuer.notAfterMs - START_MS).toBe(8 * HOUR_MS);
  expect(issuer.subjectAltName?.uris).toEqual([`spiffe://${trustDomain}`]);
});

function flipLast(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 1;
  return copy;
}
