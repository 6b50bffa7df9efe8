import { type LocalAgent, OWN_UID, startLocalAgent } from '@postern/agent/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { followToken } from './follow_token.ts';
import type { RunPorts } from './ports.ts';

let agent: LocalAgent;
let over: AbortController;
let events: string[];
beforeEach(async () => {
  agent = await startLocalAgent();
  over = new AbortController();
  events = [];
});
afterEach(async () => {
  over.abort();
  await agent.stop();
});

const WEB = 'spiffe://demo.test/web';
const web = { path: '/web', selectors: [OWN_UID] };
const ports = (more: Partial<RunPorts> = {}): RunPorts => ({
  socketPath: agent.socketPath,
  deadlineMs: performance.now() + 500,
  signal: over.signal,
  log: (_, event, fields) => void events.push(`${event} ${fields?.['reason'] ?? ''}`.trim()),
  nowMs: Date.now,
  ...more,
});
const follow = (more: Partial<RunPorts> = {}) => followToken(ports(more), { audience: 'db', spiffeId: () => WEB });

test('is fetched again when half of its life is over, and not before', async () => {
  await agent.entitle([web]);
  const early = follow();
  const held = await early.next();
  const next = early.next();
  expect(await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 1_500, 'none'))])).toBe('none');
  over.abort();
  expect(await next).toEqual({ done: true, value: undefined });

  over = new AbortController();
  // A clock by which it ends in two seconds.
  const [, claims = ''] = String(held.value).split('.');
  const { exp } = JSON.parse(String(Buffer.from(claims, 'base64url'))) as { exp: number };
  const startMs = Date.now();
  const late = follow({ nowMs: () => exp * 1000 - 2_000 + (Date.now() - startMs) });
  for (let round = 0; round < 3; round++) expect((await late.next()).value).toBe(held.value);
  expect(Date.now() - startMs).toBeGreaterThan(1_900);
  expect(Date.now() - startMs).toBeLessThan(6_000);
}, 15_000);

test('is given up at the deadline when none ever came, with the reason', async () => {
  await agent.entitle([]);
  await expect(follow().next()).rejects.toMatchObject({ reason: 'identity-not-issued', exit: 'denied' });
  expect(events).toEqual(['jwt-svid-not-fetched identity-not-issued']);
});

test('that was had once is waited for without end, and its absence is said once', async () => {
  await agent.entitle([web]);
  const tokens = follow({ nowMs: () => Date.now() + 3_600_000 });
  expect((await tokens.next()).done).toBe(false);
  await agent.stopServing();
  const next = tokens.next();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(events).toEqual(['jwt-svid-not-fetched workload-api-unreachable']);
  await agent.serve();
  expect((await next).done).toBe(false);
  expect(events.at(-1)).toBe('jwt-svid-fetched-again');
}, 20_000);
