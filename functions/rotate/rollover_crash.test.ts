/**
 * A process of `rotate` may end between any two of its writes. Whenever it does, the next one comes to the same end: no key
 * is lost or made twice, and nothing is ever signed by a root that is not in the feed's bundle.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listRecords } from '@postern/audit';
import { type AuthorityState, createAuthorityStore, readOwnCertificate } from '@postern/ca';
import { createFeedLog } from '@postern/feed';
import { generateSoftwareSigner, openSoftwareKeyRing, verifyX509Signature } from '@postern/keys';
import { parseTrustBundle, type TrustDomain } from '@postern/spiffe';
import type { Table } from '@postern/store';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { createManualClock, failingTable } from '@postern/store/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { restrictKeys, restrictObjects, restrictTable } from '../restrict.ts';
import { type OpenRotate, openRotate } from './open.ts';

const trustDomain = 'demo.test' as TrustDomain;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const base = mkdtempSync(join(tmpdir(), 'postern-crash-'));
afterAll(() => rmSync(base, { recursive: true }));
let folders = 0;

function createPlace() {
  const clock = createManualClock();
  const dir = join(base, String(++folders));
  const table = createMemoryTable({ clock });
  const objects = createMemoryObjects();
  const keys = openSoftwareKeyRing(dir);
  const open = (through: (table: Table) => Table = (it) => it): Promise<OpenRotate> =>
    openRotate({
      trustDomain,
      clock,
      log: () => {},
      table: restrictTable(through(table), 'rotate'),
      objects: restrictObjects(objects, 'rotate'),
      keys: restrictKeys(keys, 'rotate'),
      identify: () => undefined,
    });
  const state = async (): Promise<AuthorityState | undefined> => {
    const assertionKey = await keys.publicKey('assertion');
    return (await createAuthorityStore({ table, assertionKey, trustDomain }).read())?.state;
  };
  const feedBundle = async () => {
    const feedLog = createFeedLog({ table, mac: await keys.mac('facts') });
    const fact = await feedLog.latest('trust-bundle', trustDomain);
    const bundle = fact?.kind === 'trust-bundle' ? parseTrustBundle(fact.bundle, trustDomain) : undefined;
    return bundle?.ok ? bundle.value : undefined;
  };
  /** What the trail says was done against the rule. */
  const recordedReasons = async () => {
    const { records } = await listRecords(table, { kind: 'rollover-step', limit: 1000 }, clock.nowMs());
    return records.flatMap((record) => (record.kind === 'rollover-step' && record.reason ? [record.reason] : []));
  };
  return { clock, dir, open, state, feedBundle, recordedReasons };
}

type Place = ReturnType<typeof createPlace>;
type Part = (place: Place, rotate: OpenRotate) => Promise<unknown>;

/** What `rotate` signs at this moment was to be believed before it was signed. */
async function certifiesUnderPublished(place: Place, rotate: OpenRotate): Promise<void> {
  const bundle = await place.feedBundle();
  const issuer = readOwnCertificate(await rotate.certifier.certifyIssuer(generateSoftwareSigner('ES256').spki));
  const { tbs: message, signature, signatureAlgorithm: algorithm } = issuer;
  const roots = (bundle?.x509Authorities ?? []).map(readOwnCertificate);
  expect(roots.some(({ spki }) => verifyX509Signature({ spki, algorithm, message, signature }))).toBe(true);
}

/** Two keys through all their phases, as operators and ticks have it; each part may be done again. */
const PARTS: readonly Part[] = [
  async (_, rotate) => rotate.tick(),
  async (_, rotate) => rotate.certifier.operateAuthority({ command: 'prepare', key: 'root' }, 'alice'),
  async (_, rotate) => rotate.certifier.operateAuthority({ command: 'prepare', key: 'jwt' }, 'alice'),
  certifiesUnderPublished,
  async ({ clock }, rotate) => {
    clock.advanceMs(4 * MINUTE_MS);
    await rotate.tick();
  },
  certifiesUnderPublished,
  async ({ clock }, rotate) => {
    clock.advanceMs(15 * 24 * HOUR_MS);
    await rotate.tick();
  },
  certifiesUnderPublished,
];

const END = {
  root: ['1 distrusted', '2 signing'],
  jwt: ['1 distrusted', '2 signing'],
  keys: ['jwt-2.pem', 'jwt.pem', 'root-2.pem', 'root.pem'],
};

async function endOf(place: Place) {
  const state = await place.state();
  const phases = (key: 'root' | 'jwt') => state?.keys[key].map(({ generation, phase }) => `${generation} ${phase}`);
  const bundle = await place.feedBundle();
  expect(bundle?.sequence).toBe(state?.bundleSequence);
  expect(bundle?.x509Authorities).toHaveLength(1);
  expect(bundle?.jwtAuthorities).toHaveLength(1);
  const keys = readdirSync(place.dir).filter((file) => /^(?:root|jwt)/.test(file));
  return { root: phases('root'), jwt: phases('jwt'), keys: keys.sort() };
}

test('goes through all phases when nobody disturbs it', async () => {
  const place = createPlace();
  const rotate = await place.open();
  for (const part of PARTS) await part(place, rotate);
  expect(await endOf(place)).toEqual(END);
});

/** An operator in a hurry: the root that signs is taken away, and the next is let sign before anybody can have it. */
const HURRIED: readonly Part[] = [
  async (_, rotate) => rotate.tick(),
  certifiesUnderPublished,
  async (_, rotate) => rotate.certifier.operateAuthority({ command: 'prepare', key: 'root' }, 'alice'),
  async (_, rotate) =>
    rotate.certifier.operateAuthority({ command: 'override', key: 'root', reason: 'hurry' }, 'alice'),
  certifiesUnderPublished,
  async (_, rotate) =>
    rotate.certifier.operateAuthority({ command: 'distrust', key: 'root', generation: 1, reason: 'stolen' }, 'alice'),
  certifiesUnderPublished,
];

/** Runs `parts` again and again, each time dying at the next write, until it is over before it dies. */
async function dieAtEach(
  when: 'before' | 'after',
  parts: readonly Part[],
  goOn: (place: Place, rotate: OpenRotate, left: readonly Part[], at: number) => Promise<void>,
): Promise<number> {
  for (let at = 1; at < 200; at++) {
    const place = createPlace();
    let writes = 0;
    let isDead = false;
    const dying = (table: Table) =>
      failingTable(table, ({ operation }) => {
        if (isDead) return 'before';
        if (operation === 'get' || operation === 'query') return 'none';
        writes += 1;
        if (writes !== at) return 'none';
        isDead = true;
        return when;
      });
    let next = 0;
    try {
      const doomed = await place.open(dying);
      for (const part of parts) {
        await part(place, doomed);
        if (isDead) break;
        next += 1;
      }
    } catch {
      // Nobody is left to say why.
    }
    if (!isDead) return at - 1;
    await goOn(place, await place.open(), parts.slice(next), at);
  }
  throw new Error('there is no end of writes');
}

describe.each(['before', 'after'] as const)('ends %s a write', (when) => {
  test('and wherever that is, the next process comes to the same end', { timeout: 120_000 }, async () => {
    const crashes = await dieAtEach(when, PARTS, async (place, rotate, left, at) => {
      for (const part of left) await part(place, rotate);
      // What a lost command left undone is asked for again.
      for (const part of PARTS.slice(1)) await part(place, rotate);
      const end = await endOf(place);
      expect(end.keys, `write ${at}`).toEqual(expect.arrayContaining(END.keys));
      expect(end.root?.at(-1), `write ${at}`).toMatch(/signing$/);
    });
    expect(crashes).toBeGreaterThan(20);
  });

  test('of what an operator does against the rule, and none of that is without its record', {
    timeout: 120_000,
  }, async () => {
    const crashes = await dieAtEach(when, HURRIED, async (place, rotate, left, at) => {
      await rotate.tick();
      await certifiesUnderPublished(place, rotate);
      const reasons = (await place.state())?.keys.root.flatMap(({ override }) => override?.reason ?? []) ?? [];
      expect(await place.recordedReasons(), `write ${at}`).toEqual(expect.arrayContaining(reasons));
      for (const part of left) await part(place, rotate);
      const end = await endOf(place);
      expect(end.root?.slice(0, 2), `write ${at}`).toEqual(['1 distrusted', '2 signing']);
    });
    expect(crashes).toBeGreaterThan(20);
  });
});
