import { StoreUnavailable, type Table } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock, failingTable } from '@postern/store/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createLineageStore, type LineageStore } from './lineage.ts';

const AGENT = 'spiffe://demo.test/postern/agent/node-1';
const OTHER = 'spiffe://demo.test/postern/agent/node-2';
let table: Table;
let lineages: LineageStore;

beforeEach(() => {
  table = createMemoryTable({ clock: createManualClock() });
  lineages = createLineageStore({ table });
});

const reason = (result: { ok: true } | { ok: false; reason: string }) => (result.ok ? 'ok' : result.reason);

/** A renewal as the issuing door does it. */
async function renew(serial: string, next: string): Promise<string> {
  const may = await lineages.check(AGENT, serial);
  return may.ok ? reason(await lineages.advance(AGENT, serial, next)) : may.reason;
}

describe('a lineage', () => {
  test('goes on with its newest serial', async () => {
    await lineages.start(AGENT, 's1');
    expect(await renew('s1', 's2')).toBe('ok');
    expect(await renew('s2', 's3')).toBe('ok');
    expect(await renew('s3', 's4')).toBe('ok');
  });

  test('that was never begun does not go on', async () => {
    expect(await renew('s1', 's2')).toBe('lineage-unknown');
    expect(await lineages.advance(AGENT, 's1', 's2')).toMatchObject({ ok: false });
  });

  test('that lost an answer may ask again with the serial it has', async () => {
    await lineages.start(AGENT, 's1');
    expect(await renew('s1', 'lost')).toBe('ok');
    expect(await renew('s1', 's2')).toBe('ok');
    expect(await renew('s2', 's3')).toBe('ok');
  });

  test('is one agent’s: another’s serials are nothing to it', async () => {
    await lineages.start(AGENT, 's1');
    await lineages.start(OTHER, 't1');
    expect(reason(await lineages.check(OTHER, 's1'))).toBe('serial-superseded');
    expect(reason(await lineages.check(AGENT, 's1'))).toBe('ok');
    expect(reason(await lineages.check(OTHER, 't1'))).toBe('lineage-locked');
  });
});

describe('a stolen key', () => {
  test('that is used after its owner went on locks the lineage for both', async () => {
    await lineages.start(AGENT, 's1');
    await renew('s1', 's2');
    await renew('s2', 's3');
    expect(await renew('s1', 'thief')).toBe('serial-superseded');
    expect(await renew('s1', 'thief')).toBe('lineage-locked');
    expect(await renew('s3', 's4')).toBe('lineage-locked');
  });

  test('that is used at once after its owner went on is found out when the owner comes back', async () => {
    await lineages.start(AGENT, 's1');
    await renew('s1', 'owner');
    expect(await renew('s1', 'thief')).toBe('ok');
    expect(await renew('owner', 's3')).toBe('serial-superseded');
    expect(await renew('thief', 't3')).toBe('lineage-locked');
  });

  test('that is used before its owner is found out when the owner renews after the thief did', async () => {
    await lineages.start(AGENT, 's1');
    await renew('s1', 'thief');
    await renew('thief', 'thief2');
    expect(await renew('s1', 's2')).toBe('serial-superseded');
    expect(await renew('thief2', 'thief3')).toBe('lineage-locked');
  });

  test('that is used in the same moment leaves one of the two with a future', async () => {
    await lineages.start(AGENT, 's1');
    await Promise.all([lineages.check(AGENT, 's1'), lineages.check(AGENT, 's1')]);
    await Promise.all([lineages.advance(AGENT, 's1', 'a'), lineages.advance(AGENT, 's1', 'b')]);
    const outcomes = [await renew('a', 'a2'), await renew('b', 'b2')];
    expect(outcomes).toContain('serial-superseded');
    expect(await renew('b2', 'b3')).toBe('lineage-locked');
  });

  test('of a locked lineage gets nothing until the node joins anew', async () => {
    await lineages.start(AGENT, 's1');
    await renew('s1', 's2');
    await renew('s2', 's3');
    await renew('s1', 'thief');
    await lineages.start(AGENT, 'n1');
    expect(await renew('n1', 'n2')).toBe('ok');
    expect(await renew('s3', 's4')).toBe('serial-superseded');
  });
});

test('whatever two holders of one key do, they never both renew twice', async () => {
  const turns = fc.array(fc.constantFrom('owner', 'thief'), { minLength: 2, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(turns, async (order) => {
      lineages = createLineageStore({ table: createMemoryTable({ clock: createManualClock() }) });
      await lineages.start(AGENT, 's0');
      const holds: { [who: string]: string } = { owner: 's0', thief: 's0' };
      const renewals: { [who: string]: number } = { owner: 0, thief: 0 };
      for (const [turn, who] of order.entries()) {
        if ((await renew(holds[who] as string, `s${turn + 1}`)) !== 'ok') continue;
        holds[who] = `s${turn + 1}`;
        renewals[who] = (renewals[who] as number) + 1;
      }
      expect(Math.min(renewals['owner'] as number, renewals['thief'] as number)).toBeLessThanOrEqual(1);
    }),
    { numRuns: process.env['POSTERN_LONG'] ? 5_000 : 200 },
  );
});

test.each(['yes', 1, null])('a lock that was tampered into `%s` still locks', async (locked) => {
  await lineages.start(AGENT, 's1');
  await table.update({ pk: 'lineage', sk: AGENT, set: { locked } });
  expect(await renew('s1', 's2')).toBe('lineage-locked');
});

test('a table that fails lets nobody renew', async () => {
  await lineages.start(AGENT, 's1');
  const failing = createLineageStore({ table: failingTable(table, () => true) });
  await expect(failing.check(AGENT, 's1')).rejects.toThrow(StoreUnavailable);
  await expect(failing.advance(AGENT, 's1', 's2')).rejects.toThrow(StoreUnavailable);
});

test('an ID that does not fit a key is refused, never cut to fit another agent’s', async () => {
  await expect(lineages.start(`${AGENT}${'x'.repeat(512)}`, 's1')).rejects.toThrow(RangeError);
});
