import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { type IssuedSvid, PATHS, type RevocationAnswer, type RevocationsAnswer, type SvidsAnswer } from '@postern/api';
import { LIST_LIFE_MS } from '@postern/ca';
import { readRevocationList } from '@postern/ca/revocation-list';
import { missingOpenSsl } from '@postern/ca/testing';
import { encodePem } from '@postern/der';
import { createFeedLog } from '@postern/feed';
import { openSoftwareKeyRing } from '@postern/keys';
import { parseCertificate } from '@postern/spiffe';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  askJwtSvids,
  callAs,
  createJoinToken,
  csrOf,
  enterWorkload,
  type Holder,
  issueWorkload,
  join,
  joinAgent,
  newKey,
} from './testing/agents.ts';
import { startWorld, TRUST_DOMAIN, type World } from './testing/world.ts';

const DAY_MS = 24 * 3_600_000;

let world: World;
let agent: Holder;
beforeEach(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
});
afterEach(() => world.remove());

async function revoke(subject: string, members: object = {}): Promise<RevocationAnswer> {
  const response = await world.admin('POST', PATHS.admin.revocations, { subject, reason: 'test', ...members });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as RevocationAnswer;
}

async function isRevoked(serial: string): Promise<boolean> {
  const mac = await openSoftwareKeyRing(joinPath(world.dir, 'keys')).mac('facts');
  const fact = await createFeedLog({ table: world.table, mac }).latest('revocation', `svid:${serial}`);
  return fact !== undefined && fact.expiresAtMs > world.clock.nowMs();
}

async function enterLongLived(path: string): Promise<string> {
  const entry = { spiffeId: `spiffe://${TRUST_DOMAIN}${path}`, parentId: agent.spiffeId, selectors: ['unix:uid:1000'] };
  const made = await world.admin('POST', PATHS.admin.entries, { ...entry, profile: 'long-lived' });
  return ((await made.json()) as { id: string }).id;
}

async function ask(entryId: string, by = agent): Promise<SvidsAnswer> {
  const body = { requests: [{ entryId, csr: csrOf(newKey()) }] };
  return (await (await callAs(world, by, { method: 'POST', target: PATHS.svids, body })).json()) as SvidsAnswer;
}

async function askOne(entryId: string): Promise<IssuedSvid> {
  const { svids, refused } = await ask(entryId);
  if (svids[0] === undefined) throw new Error(JSON.stringify(refused));
  return svids[0];
}

/** The URI in the certificate: behind its tag and its length. */
function pointOf(svid: IssuedSvid): string {
  const der = Buffer.from(svid.chain[0] as string, 'base64');
  const at = der.indexOf('http');
  return at < 2 || der[at - 2] !== 0x86 ? '' : der.subarray(at, at + (der[at - 1] as number)).toString('latin1');
}

async function listOf(svid: IssuedSvid) {
  const response = await fetch(pointOf(svid));
  const der = new Uint8Array(await response.arrayBuffer());
  return { response, der, list: readRevocationList(der) };
}

/** As if so many more had been put into the partition of the certificate. */
async function fillPartition(svid: IssuedSvid, slots: number): Promise<void> {
  const issuerKeyId = new URL(pointOf(svid)).pathname.split('/')[3] as string;
  await world.table.update({ pk: 'list-count', sk: issuerKeyId, add: { count: slots } });
}

describe('an entry that is revoked', () => {
  test('takes all of its SVIDs back, and is issued nothing until it is given back; others go on', async () => {
    const [mine, other] = [await enterWorkload(world, agent, '/a'), await enterWorkload(world, agent, '/b')];
    const held = [await issueWorkload(world, agent, mine), await issueWorkload(world, agent, mine)];
    const others = await issueWorkload(world, agent, other);
    expect(await revoke(`entry:${mine}`, { dryRun: true })).toEqual({
      subject: `entry:${mine}`,
      dryRun: true,
      svids: 2,
    });
    expect(await isRevoked(held[0]?.serial as string)).toBe(false);
    expect(await revoke(`entry:${mine}`)).toMatchObject({ svids: 2, isApplied: true });
    for (const { serial } of held) expect(await isRevoked(serial)).toBe(true);
    expect(await isRevoked(others.serial)).toBe(false);
    expect(await ask(mine)).toMatchObject({ svids: [], refused: [{ reason: 'issuance-revoked' }] });
    const jwt = await askJwtSvids(world, agent, [{ entryId: mine, audience: ['a'] }]);
    expect(await jwt.json()).toMatchObject({ svids: [], refused: [{ reason: 'issuance-revoked' }] });
    expect((await ask(other)).svids).toHaveLength(1);
    await revoke(`entry:${mine}`, { lift: true });
    const anew = await issueWorkload(world, agent, mine);
    expect(await isRevoked(anew.serial)).toBe(false);
    for (const { serial } of held) expect(await isRevoked(serial)).toBe(true);
  });

  test('leaves no SVID in force that was asked for while it was revoked', { timeout: 60_000 }, async () => {
    let [answered, refused] = [0, 0];
    for (let round = 0; round < 15; round++) {
      const mine = await enterWorkload(world, agent, `/race-${round}`);
      const body = { requests: Array.from({ length: 20 }, () => ({ entryId: mine, csr: csrOf(newKey()) })) };
      const asking = () => callAs(world, agent, { method: 'POST', target: PATHS.svids, body });
      const revoking = new Promise((resolve) => setTimeout(resolve, round * 2)).then(() => revoke(`entry:${mine}`));
      const [first, second] = await Promise.all([asking(), asking(), revoking]);
      for (const response of [first, second]) {
        const answer = (await response.json()) as SvidsAnswer;
        answered += answer.svids.length;
        refused += answer.refused.length;
        for (const { serial } of answer.svids) expect(await isRevoked(serial)).toBe(true);
      }
    }
    expect(answered).toBeGreaterThan(0);
    expect(answered + refused).toBe(15 * 40);
  });

  test('has nothing signed for it any more: what was refused cost no key, and no place in a list', async () => {
    const mine = await enterLongLived('/a');
    await revoke(`entry:${mine}`);
    const before = world.effects();
    expect(await ask(mine)).toMatchObject({ svids: [], refused: [{ reason: 'issuance-revoked' }] });
    const after = world.effects();
    expect(after.signs.slice(before.signs.length)).not.toContain('issuer');
    expect(after.writes.slice(before.writes.length).filter((pk) => pk.startsWith('list-'))).toEqual([]);
    expect((await world.records('issuance-begin')).filter(({ entryId }) => entryId === mine)).toEqual([]);
  });
});

describe('an agent that is revoked', () => {
  test('takes back its own SVID and all that it fetched, and neither renews nor joins until it is given back', async () => {
    const two = await joinAgent(world, 'node-2');
    const workload = await issueWorkload(world, agent, await enterWorkload(world, agent, '/a'));
    const others = await issueWorkload(world, two, await enterWorkload(world, two, '/b'));
    expect(await revoke('agent:node-1')).toMatchObject({ subject: `agent:${agent.spiffeId}`, isApplied: true });
    for (const serial of [workload.serial, others.serial])
      expect(await isRevoked(serial)).toBe(serial === workload.serial);
    const renewal = { method: 'POST', target: PATHS.agentRenew, body: { csr: csrOf(newKey()) } } as const;
    expect((await callAs(world, agent, renewal)).status).toBe(401);
    expect((await callAs(world, two, renewal)).status).toBe(201);
    const token = await createJoinToken(world, 'node-1');
    expect((await join(world, { token, csr: csrOf(newKey()) })).status).toBe(403);
    await revoke('agent:node-1', { lift: true });
    world.clock.advanceMs(61_000);
    const back = await joinAgent(world, 'node-1');
    expect((await callAs(world, back, renewal)).status).toBe(201);
    expect((await callAs(world, agent, renewal)).status).toBe(401);
  });
});

describe('what follows from a revocation', () => {
  test('is made up for by the next tick when the feed went away in between', async () => {
    const mine = await enterWorkload(world, agent, '/a');
    const held = await issueWorkload(world, agent, mine);
    let count = 0;
    world.faults.table = ({ operation, pks }) => operation === 'transact' && pks.includes('feed-entry') && count++ > 0;
    expect(await revoke(`entry:${mine}`)).toMatchObject({ isApplied: false });
    expect(await isRevoked(held.serial)).toBe(false);
    delete world.faults.table;
    await world.tick();
    expect(await isRevoked(held.serial)).toBe(true);
  });

  test('a forged item of what was issued takes nothing back', async () => {
    const mine = await enterWorkload(world, agent, '/a');
    await world.table.put({
      pk: `issued#entry#${mine}`,
      sk: 'aa',
      attributes: { body: '{"serial":"aa"}', mac: new Uint8Array(32) },
    });
    await revoke(`entry:${mine}`);
    expect(await isRevoked('aa')).toBe(false);
    expect(world.logs.some(({ event }) => event === 'revocation-item-forged')).toBe(true);
  });
});

describe('a revocation', () => {
  test('of a serial that nobody knows is taken: what a stolen issuer signed is known to nobody', async () => {
    await revoke('svid:00:FF', { reasonCode: 'key-compromise' });
    const listed = (await (await world.admin('GET', PATHS.admin.revocations)).json()) as RevocationsAnswer;
    expect(listed.revocations).toMatchObject([{ subject: 'svid:ff', reasonCode: 'key-compromise', reason: 'test' }]);
  });

  test.each([
    ['of a certificate is final', 'svid:00ff', {}, 409],
    ['on hold is given back', 'svid:00ff', { reasonCode: 'certificate-hold' }, 201],
    ['of a device is given back', 'device:d1', {}, 201],
  ])('%s', async (_name, subject, members, status) => {
    await revoke(subject, members);
    const lifted = await world.admin('POST', PATHS.admin.revocations, { subject, reason: 'test', lift: true });
    expect(lifted.status).toBe(status);
    const listed = (await (await world.admin('GET', PATHS.admin.revocations)).json()) as RevocationsAnswer;
    expect(listed.revocations).toHaveLength(status === 201 ? 0 : 1);
  });

  test.each([
    ['that was never made cannot be given back', { subject: 'svid:00', reason: 'x', lift: true }, 404],
    ['with a reason of delta lists', { subject: 'svid:00', reason: 'x', reasonCode: 'remove-from-crl' }, 400],
    ['of an agent of two segments', { subject: 'agent:a/b', reason: 'x' }, 400],
    ['of a kind that is none', { subject: 'team:shop', reason: 'x' }, 400],
  ])('%s', async (_name, body, status) => {
    expect((await world.admin('POST', PATHS.admin.revocations, body)).status).toBe(status);
  });
});

describe('a long-lived SVID', () => {
  test('names its list, which is there before it is, and is not on it until it is revoked', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    const read = parseCertificate(Buffer.from(svid.chain[0] as string, 'base64'));
    if (!read.ok) throw new Error(read.reason);
    expect(read.value).toMatchObject({ hasCrlDistributionPoints: true });
    expect(read.value.noRevAvail).toBeUndefined();
    expect(svid.notAfterMs - world.clock.nowMs()).toBeGreaterThan(2.9 * DAY_MS);
    const { response, list } = await listOf(svid);
    expect(response.headers.get('content-type')).toBe('application/pkix-crl');
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
    expect(list).toMatchObject({
      entries: [],
      distributionPoints: [pointOf(svid)],
      authorityKeyId: read.value.authorityKeyId,
    });
    const again = await fetch(pointOf(svid), { headers: { 'if-none-match': response.headers.get('etag') ?? '' } });
    expect(again.status).toBe(304);

    await revoke(`svid:${svid.serial}`, { reasonCode: 'key-compromise' });
    const after = (await listOf(svid)).list;
    expect(after?.entries).toMatchObject([{ serial: svid.serial, reasonCode: 'key-compromise' }]);
    expect(after?.number).toBeGreaterThan(list?.number ?? Number.NaN);
    expect(await world.recordOf('revocation-list', ({ listNumber }) => listNumber === after?.number)).toBeDefined();
  });

  test('of a distrusted issuer is on it, and the list is renewed until the last one ended', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    await revoke(`issuer:${new URL(pointOf(svid)).pathname.split('/')[3]}`, { reasonCode: 'ca-compromise' });
    expect((await listOf(svid)).list?.entries).toMatchObject([{ serial: svid.serial, reasonCode: 'ca-compromise' }]);
    world.clock.advanceMs(LIST_LIFE_MS / 2);
    await world.tick();
    expect((await listOf(svid)).list?.thisUpdateMs).toBeGreaterThan(world.clock.nowMs() - 3_600_000);
    expect((await listOf(svid)).list?.entries).toHaveLength(1);
  });

  test('of a revoked entry, agent or name is on it too', async () => {
    for (const subjectOf of [
      (entryId: string) => `entry:${entryId}`,
      () => `spiffe-id:spiffe://${TRUST_DOMAIN}/b`,
      () => 'agent:node-1',
    ]) {
      const entryId = await enterLongLived(subjectOf('') === 'entry:' ? '/a' : '/b');
      const svid = await askOne(entryId);
      await revoke(subjectOf(entryId));
      expect((await listOf(svid)).list?.entries.map(({ serial }) => serial)).toContain(svid.serial);
      await world.admin('DELETE', PATHS.admin.entry(entryId));
    }
  });

  test('stays on it until it was in one made after its end, and no longer', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    await revoke(`svid:${svid.serial}`);
    const isListed = async () => (await listOf(svid)).list?.entries.some(({ serial }) => serial === svid.serial);
    while (world.clock.nowMs() < svid.notAfterMs + LIST_LIFE_MS / 2) {
      expect(await isListed()).toBe(true);
      world.clock.advanceMs(LIST_LIFE_MS / 2);
      await world.tick();
    }
    expect(await isListed()).toBe(true);
    expect((await listOf(svid)).list?.thisUpdateMs).toBeGreaterThan(svid.notAfterMs);
    world.clock.advanceMs(LIST_LIFE_MS / 2 + 1000);
    await world.tick();
    expect(await isListed()).toBe(false);
  });

  test('on hold leaves the list when it is given back', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    await revoke(`svid:${svid.serial}`, { reasonCode: 'certificate-hold' });
    expect((await listOf(svid)).list?.entries).toMatchObject([{ reasonCode: 'certificate-hold' }]);
    await revoke(`svid:${svid.serial}`, { lift: true });
    expect((await listOf(svid)).list?.entries).toEqual([]);
  });
});

describe('a list', () => {
  test('is made anew in time, and otherwise left as it is', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    const first = await listOf(svid);
    await world.tick();
    expect(Buffer.compare((await listOf(svid)).der, first.der)).toBe(0);
    world.clock.advanceMs(LIST_LIFE_MS / 2);
    await world.tick();
    const { list } = await listOf(svid);
    expect(list?.nextUpdateMs).toBeGreaterThan(first.list?.nextUpdateMs ?? Number.NaN);
    expect(list?.number).toBeGreaterThan(first.list?.number ?? Number.NaN);
  });

  test('is served after a restart', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    const { der } = await listOf(svid);
    await world.stop();
    world = await startWorld({ dir: world.dir, clock: world.clock });
    const path = new URL(pointOf(svid)).pathname;
    expect(Buffer.compare(new Uint8Array(await (await fetch(world.url + path)).arrayBuffer()), der)).toBe(0);
  });

  test('that somebody put back is not served, and is replaced by a higher number', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    const name = new URL(pointOf(svid)).pathname.split('/');
    const key = { pk: 'revocation-list', sk: `${name[3]}#${name[4]?.padStart(9, '0')}` };
    const older = await world.table.get(key);
    await revoke(`svid:${svid.serial}`);
    const { list } = await listOf(svid);
    await world.table.put(older as never);
    expect((await fetch(pointOf(svid))).status).toBe(503);
    expect(world.logs.some(({ event }) => event === 'revocation-list-older')).toBe(true);
    world.clock.advanceMs(1000);
    await revoke('svid:00ff');
    const after = (await listOf(svid)).list;
    expect(after?.number).toBeGreaterThan(list?.number ?? Number.NaN);
    expect(after?.entries.map(({ serial }) => serial)).toEqual([svid.serial]);
  });

  test('that the issuer did not sign counts for nothing: a revoked certificate cannot be taken off by the table', async () => {
    const svid = await askOne(await enterLongLived('/a'));
    await revoke(`svid:${svid.serial}`);
    const name = new URL(pointOf(svid)).pathname.split('/');
    const key = { pk: 'revocation-list', sk: `${name[3]}#${name[4]?.padStart(9, '0')}` };
    await world.table.put({ ...key, attributes: { der: Uint8Array.of(0x30, 0), number: 0 } });
    expect((await fetch(pointOf(svid))).status).toBe(503);
    await world.tick();
    expect((await listOf(svid)).list?.entries).toMatchObject([{ serial: svid.serial }]);
  });

  test.each(['/v1/crl/x/0', `/v1/crl/${'a'.repeat(40)}/00`, `/v1/crl/${'a'.repeat(40)}/7`])(
    '%s is none',
    async (path) => {
      expect((await fetch(world.url + path)).status).toBe(404);
    },
  );

  test('is not made while the issuer key is away: no certificate comes without one, and the next tick makes it', async () => {
    const entryId = await enterLongLived('/a');
    const svid = await askOne(entryId);
    world.faults.signers = (name) => name === 'issuer';
    expect(await revoke(`svid:${svid.serial}`)).toMatchObject({ isApplied: false });
    expect((await listOf(svid)).list?.entries).toEqual([]);
    expect(await isRevoked(svid.serial)).toBe(true);
    delete world.faults.signers;
    await world.tick();
    expect((await listOf(svid)).list?.entries).toHaveLength(1);
  });
});

describe.skipIf(missingOpenSsl !== undefined)('OpenSSL, which looks at lists', () => {
  test('takes the good certificate, refuses the revoked one and the one whose list is another partition’s', async () => {
    const entryId = await enterLongLived('/a');
    const [good, bad] = [await askOne(entryId), await askOne(entryId)];
    await revoke(`svid:${bad.serial}`, { reasonCode: 'superseded' });
    const dir = mkdtempSync(joinPath(tmpdir(), 'postern-crl-'));
    const file = (name: string, label: string, ders: readonly Uint8Array[]) => {
      const path = joinPath(dir, name);
      writeFileSync(path, ders.map((der) => encodePem(label, der)).join(''));
      return path;
    };
    const root = file('root.pem', 'CERTIFICATE', [(await world.objects.get('authority/root.der')) as Uint8Array]);
    const crl = file('crl.pem', 'X509 CRL', [(await listOf(good)).der]);
    const verdict = ({ chain }: IssuedSvid): string => {
      const [leaf, ...issuers] = chain.map((der) => Buffer.from(der, 'base64')) as [Buffer, ...Buffer[]];
      const args = ['verify', '-x509_strict', '-crl_check', '-attime', String(Math.floor(world.clock.nowMs() / 1000))];
      const files = ['-CAfile', root, '-CRLfile', crl, '-untrusted', file('issuers.pem', 'CERTIFICATE', issuers)];
      try {
        return execFileSync('openssl', [...args, ...files, file('leaf.pem', 'CERTIFICATE', [leaf])], {
          stdio: 'pipe',
        }).toString();
      } catch (fault) {
        return String((fault as { stderr: Buffer }).stderr);
      }
    };
    try {
      expect(verdict(good)).toContain(': OK');
      expect(verdict(bad)).toMatch(/certificate revoked/);
      await fillPartition(good, 998);
      const elsewhere = await askOne(entryId);
      expect(pointOf(elsewhere)).toMatch(/\/1$/);
      expect(verdict(elsewhere)).toMatch(/different CRL scope|unable to get certificate CRL/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
