import type { DecisionState } from '@postern/feed';
import { describe, expect, test } from 'vitest';
import { type AgentNotReady, type ReadinessPorts, waitUntilReady } from './readiness.ts';

const STATE = {} as DecisionState;

const portsOf = (state: DecisionState | undefined, epoch: string, wanted?: number): ReadinessPorts => ({
  follower: { state: () => state, position: () => ({ epoch, after: 0 }), wantedRelease: () => wanted },
  hasIdentities: () => true,
  nowMs: () => 0,
});

describe('who waits for an agent is told what it lacks', () => {
  const rows: [string, ReadinessPorts, AgentNotReady['missing'], RegExp][] = [
    ['the feed', portsOf(undefined, ''), ['feed'], /not answered/],
    ['a release that nobody published', portsOf(undefined, 'e'), ['release'], /policy publish/],
    ['a release that is there and does not arrive', portsOf(undefined, 'e', 7), ['release'], /number 7/],
    ['identities', { ...portsOf(STATE, 'e'), hasIdentities: () => false }, ['identities'], /entries/],
    [
      'everything',
      { ...portsOf(undefined, ''), hasIdentities: () => false },
      ['feed', 'identities'],
      /feed .*, identities /,
    ],
  ];
  test.each(rows)('%s', async (_, ports, missing, why) => {
    const fault: AgentNotReady = await waitUntilReady(ports, 0).then(
      () => undefined as never,
      (cause) => cause,
    );
    expect(fault).toMatchObject({ name: 'AgentNotReady', missing });
    expect(fault.message).toMatch(why);
  });
});

test('it is ready as soon as nothing is missing', async () => {
  let asked = 0;
  await waitUntilReady({ ...portsOf(STATE, 'e'), hasIdentities: () => ++asked > 2 }, 10_000);
  expect(asked).toBe(3);
});
