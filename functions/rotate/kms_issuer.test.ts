import { join } from 'node:path';
import { PATHS, type SvidsAnswer } from '@postern/api';
import { readOwnCertificate } from '@postern/ca';
import { createFeedLog } from '@postern/feed';
import { openSoftwareKeyRing, verifyX509Signature } from '@postern/keys';
import { parseTrustBundle, parseTrustDomain, verifyX509Svid } from '@postern/spiffe';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { storedIssuers } from '../issuer_certificates.ts';
import { callAs, csrOf, type Holder, joinAgent, newKey } from '../testing/agents.ts';
import { startWorld, TRUST_DOMAIN, type World } from '../testing/world.ts';

const DAY_MS = 24 * 3_600_000;

let world: World;
let agent: Holder;
let entryId: string;
beforeEach(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  const entry = { spiffeId: `spiffe://${TRUST_DOMAIN}/vault`, parentId: agent.spiffeId, selectors: ['unix:uid:1'] };
  const response = await world.admin('POST', PATHS.admin.entries, { ...entry, profile: 'kms' });
  entryId = ((await response.json()) as { id: string }).id;
});
afterEach(() => world.remove());

async function ask(count = 1): Promise<SvidsAnswer> {
  const requests = Array.from({ length: count }, () => ({ entryId, csr: csrOf(newKey()) }));
  const response = await callAs(world, agent, { method: 'POST', target: PATHS.svids, body: { requests } });
  return (await response.json()) as SvidsAnswer;
}

const chainOf = ({ svids: [svid] }: SvidsAnswer) => (svid?.chain ?? []).map((der) => Buffer.from(der, 'base64'));
const issuerOf = (answer: SvidsAnswer) => readOwnCertificate(chainOf(answer)[1] as Uint8Array);
const keyRing = () => openSoftwareKeyRing(join(world.dir, 'keys'));

async function stored() {
  const all: { generation: number; certificate: ReturnType<typeof readOwnCertificate> }[] = [];
  for await (const { der, generation } of storedIssuers(world.objects))
    all.push({ generation, certificate: readOwnCertificate(der) });
  return all;
}

async function inFeed(keyId: string) {
  return createFeedLog({ table: world.table, mac: await keyRing().mac('facts') }).latest('issuer-certificate', keyId);
}

async function verdict(answer: SvidsAnswer): Promise<string> {
  const trustDomain = parseTrustDomain(TRUST_DOMAIN);
  const text = await (await fetch(world.url + PATHS.trustBundle)).text();
  const bundle = trustDomain.ok ? parseTrustBundle(text, trustDomain.value) : trustDomain;
  if (!bundle.ok) throw new Error(bundle.reason);
  const verified = verifyX509Svid({
    chain: chainOf(answer),
    bundles: new Map([[TRUST_DOMAIN, bundle.value]]),
    nowMs: world.clock.nowMs(),
    verifySignature: verifyX509Signature,
  });
  return verified.ok ? verified.value.spiffeId.uri : verified.reason;
}

/** Uses of keys since. */
function countSigns() {
  const before = world.effects().signs.length;
  const since = () => world.effects().signs.slice(before);
  return (name: string) => since().filter((key) => key === name).length;
}

describe('an entry of the profile kms', () => {
  test('has each of its SVIDs signed by the issuer key, and costs the root nothing', async () => {
    const signs = countSigns();
    const answer = await ask(5);
    expect(answer.svids).toHaveLength(5);
    expect([signs('issuer'), signs('root')]).toEqual([5, 0]);
    expect(await verdict(answer)).toBe(`spiffe://${TRUST_DOMAIN}/vault`);
    const issuer = issuerOf(answer);
    expect(Buffer.compare(issuer.spki, await keyRing().publicKey('issuer'))).toBe(0);
    expect(issuer.basicConstraints).toMatchObject({ isCa: true, pathLength: 0 });
    const record = await world.recordOf('issuance-complete', ({ spiffeId }) => spiffeId.endsWith('/vault'));
    expect(record).toMatchObject({ profile: 'kms', issuerKeyId: issuer.subjectKeyId, entryId });
  });

  test('has its issuer in the feed and on record before the first leaf', async () => {
    const [{ certificate }] = (await stored()) as [Awaited<ReturnType<typeof stored>>[number]];
    expect(await inFeed(certificate.subjectKeyId as string)).toMatchObject({
      certificate: Buffer.from(certificate.der).toString('base64'),
    });
    expect((await world.records('issuer-certified')).map(({ serial }) => serial)).toContain(certificate.serial);
  });

  test('is issued nothing when the issuer key cannot be used, and is never given a weaker certificate instead', async () => {
    world.faults.signers = (name) => name === 'issuer';
    const answer = await callAs(world, agent, {
      method: 'POST',
      target: PATHS.svids,
      body: { requests: [{ entryId, csr: csrOf(newKey()) }] },
    });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, expect.any(String)]);
    expect(await world.recordOf('issuance-failed', ({ reason }) => reason === 'authority-unavailable')).toBeDefined();
  });
});

describe('its certificate', () => {
  test('is made once, and renewed when half of its life is over: the old leaves stay valid', async () => {
    for (let tick = 0; tick < 3; tick++) await world.tick();
    expect(await stored()).toHaveLength(1);
    world.clock.advanceMs(7 * DAY_MS - 60_000);
    agent = await joinAgent(world, 'node-1');
    const old = await ask();
    world.clock.advanceMs(60_000);
    const signs = countSigns();
    await world.tick();
    const [renewed, first] = await stored();
    expect([renewed?.generation, renewed?.certificate.subjectKeyId]).toEqual([1, first?.certificate.subjectKeyId]);
    expect(renewed?.certificate.notAfterMs).toBe((first?.certificate.notAfterMs ?? 0) + 7 * DAY_MS);
    expect(signs('root')).toBe(1);
    const { notAfterMs } = readOwnCertificate(chainOf(old)[0] as Uint8Array);
    world.clock.advanceMs(notAfterMs - 1000 - world.clock.nowMs());
    expect(await verdict(old)).toBe(`spiffe://${TRUST_DOMAIN}/vault`);
  });

  test('is not made while the root key is away; the one that is there goes on', async () => {
    world.clock.advanceMs(8 * DAY_MS);
    world.faults.signers = (name) => name === 'root';
    await world.tick();
    expect(await stored()).toHaveLength(1);
    delete world.faults.signers;
    await world.tick();
    expect(await stored()).toHaveLength(2);
  });

  test('comes again after a crash between the feed and the store, and one of the two is used', async () => {
    world.clock.advanceMs(8 * DAY_MS);
    world.faults.objects = ({ operation, name }) =>
      operation === 'putIfAbsent' && name.startsWith('authority/issuers/');
    await world.tick();
    expect(await stored()).toHaveLength(1);
    delete world.faults.objects;
    await world.tick();
    const [renewed] = await stored();
    expect(await inFeed(renewed?.certificate.subjectKeyId as string)).toMatchObject({
      certificate: Buffer.from(renewed?.certificate.der ?? []).toString('base64'),
    });
  });
});

describe('an issuer key that was distrusted', () => {
  test('alone is replaced by another, within a tick and a minute; the root and other issuers stay', async () => {
    const before = await ask();
    const keyId = issuerOf(before).subjectKeyId as string;
    const revoked = await world.admin('POST', PATHS.admin.revocations, { subject: `issuer:${keyId}`, reason: 'test' });
    expect(revoked.status).toBe(201);
    await world.tick();
    world.clock.advanceMs(60_000);
    const after = await ask();
    expect(issuerOf(after).subjectKeyId).not.toBe(keyId);
    expect(Buffer.compare(issuerOf(after).spki, await keyRing().publicKey('issuer', 2))).toBe(0);
    expect(await verdict(after)).toBe(`spiffe://${TRUST_DOMAIN}/vault`);
    world.clock.advanceMs(8 * DAY_MS);
    await world.tick();
    expect((await stored()).map(({ generation }) => generation)).toEqual([2, 2, 1]);
  });

  test('signs nothing any more where no other can be made', async () => {
    const keyId = issuerOf(await ask()).subjectKeyId as string;
    await world.admin('POST', PATHS.admin.revocations, { subject: `issuer:${keyId}`, reason: 'test' });
    world.clock.advanceMs(60_000);
    const signs = countSigns();
    expect(await ask()).toMatchObject({ code: 'unavailable' });
    expect(signs('issuer')).toBe(0);
  });
});

describe('a certificate that somebody put into the store', () => {
  const name = `authority/issuers/9999-${'9'.repeat(15)}-${'f'.repeat(32)}.der`;
  test.each([
    ['the root', async () => world.objects.get('authority/root.der')],
    ['a genuine one, under another generation', async () => (await stored())[0]?.certificate.der],
    ['nothing that can be read', async () => Uint8Array.of(0x30)],
  ])('%s, is neither signed with nor renewed', async (_name, der) => {
    await world.objects.putIfAbsent(name, (await der()) as Uint8Array);
    world.clock.advanceMs(8 * DAY_MS);
    await world.tick();
    agent = await joinAgent(world, 'node-1');
    expect(Buffer.compare(issuerOf(await ask()).spki, await keyRing().publicKey('issuer'))).toBe(0);
    await expect(keyRing().publicKey('issuer', 9999)).rejects.toThrow('generation 9999');
  });
});
