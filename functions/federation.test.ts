import { join } from 'node:path';
import { PATHS } from '@postern/api';
import { createFeedLog } from '@postern/feed';
import type { TestAuthority } from '@postern/identity/testing';
import { openSoftwareKeyRing } from '@postern/keys';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ForeignDomain, startForeignDomain } from './testing/foreign_domain.ts';
import { startWorld, type World } from './testing/world.ts';

const OTHER = 'other.test';
const DAY_MS = 24 * 60 * 60 * 1000;

let world: World;
let other: ForeignDomain;
beforeEach(async () => {
  world = await startWorld();
  other = await startForeignDomain(OTHER, world.clock);
});
afterEach(async () => {
  other.close();
  await world.remove();
});

const federate = async () => {
  const response = await world.admin('POST', PATHS.admin.federations, other.relationship());
  expect(response.status).toBe(201);
};
/** Authorities by which SVIDs of the other trust domain are verified now. */
async function believed(): Promise<readonly string[]> {
  const mac = await openSoftwareKeyRing(join(world.dir, 'keys')).mac('facts');
  const fact = await createFeedLog({ table: world.table, mac }).latest('trust-bundle', OTHER);
  if (fact?.kind !== 'trust-bundle' || fact.expiresAtMs <= world.clock.nowMs()) return [];
  return (JSON.parse(fact.bundle) as { keys: { x5c: [string] }[] }).keys.map(({ x5c: [der] }) => der);
}
const asText = () => other.authorities.map(({ certificate }) => Buffer.from(certificate).toString('base64'));
const alarms = () => world.logs.filter(({ event }) => event === 'federated-bundle-not-fetched');

test('a relationship made anew follows at once, although the first one’s authority is gone', async () => {
  await federate();
  await world.tick();
  expect(await believed()).toEqual(asText());
  expect((await world.admin('DELETE', PATHS.admin.federation(OTHER))).status).toBe(200);
  expect(await believed()).toEqual([]);
  // Built anew on the other side: another root, and numbers that begin at one.
  const root = other.newAuthority();
  other.authorities.splice(0, 1, root);
  other.present(root);
  world.clock.advanceMs(60_000);
  await federate();
  await world.tick();
  expect(await believed()).toEqual(asText());
  expect(alarms()).toEqual([]);
});

test('whoever serves an old bundle brings no withdrawn authority back, neither without its number nor after a week', async () => {
  const [first, second] = [other.authorities[0] as TestAuthority, other.newAuthority()];
  const later = async (ms: number, issuer: TestAuthority) => {
    world.clock.advanceMs(ms);
    other.present(issuer);
    await world.tick();
  };
  await federate();
  await world.tick();
  const old = other.bundle();
  other.authorities.splice(0, 1, second);
  other.sequence = 2;
  await later(DAY_MS, first);
  const newest = asText();
  expect(await believed()).toEqual(newest);
  // An endpoint by the authority that was withdrawn is not asked any more.
  await later(DAY_MS, first);
  expect(alarms()).toMatchObject([{ level: 'warn', reason: 'endpoint-untrusted', ageSeconds: DAY_MS / 1000 }]);

  const { spiffe_sequence: _, ...unnumbered } = JSON.parse(old);
  const rollbacks: [served: string, reason: string][] = [
    [old, 'bundle-sequence-lower'],
    [JSON.stringify(unnumbered), 'bundle-sequence-absent'],
  ];
  for (const [isOver, ms] of [
    [false, DAY_MS],
    [true, 7 * DAY_MS],
  ] as const)
    for (const [served, reason] of rollbacks) {
      other.bundle = () => served;
      await later(ms, second);
      expect(alarms().at(-1)).toMatchObject({ level: 'error', reason });
      expect(await believed()).toEqual(isOver ? [] : newest);
    }
  await later(DAY_MS, first);
  expect(alarms().at(-1)).toMatchObject({ reason: 'endpoint-untrusted' });
});
