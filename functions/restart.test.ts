import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATHS, type StatusAnswer } from '@postern/api';
import { createManualClock } from '@postern/store/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FUNCTION_NAMES } from './access.ts';
import { startLocal } from './local.ts';
import { callAs, csrOf, enterWorkload, holderOf, issueWorkload, joinAgent, newKey } from './testing/agents.ts';
import { published } from './testing/policies.ts';
import { ask } from './testing/proxies.ts';
import { startWorld, TRUST_DOMAIN, type World } from './testing/world.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-restart-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const statusOf = async (world: World) => (await (await world.admin('GET', PATHS.admin.status)).json()) as StatusAnswer;

describe('a second start in the same folder', () => {
  test('finds root, keys, secrets, entries, release and feed, and the agents of the first are still known', async () => {
    const clock = createManualClock();
    const first = await startWorld({ dir, clock });
    const agent = await joinAgent(first, 'node-1');
    const entryId = await enterWorkload(first, agent, '/payments');
    const { number } = await published(first);
    await first.admin('POST', PATHS.admin.revocations, { subject: 'svid:01', reason: 'lost' });
    const before = await statusOf(first);
    await first.stop();

    const second = await startWorld({ dir, clock });
    try {
      const after = await statusOf(second);
      expect(after).toMatchObject({ releaseNumber: number, epoch: before.epoch, rootDigest: before.rootDigest });
      expect(after.feedSequence).toBeGreaterThan(before.feedSequence);
      expect(second.administratorToken).toBe(first.administratorToken);
      expect({ ...second.trust, url: '' }).toEqual({ ...first.trust, url: '' });
      const proxy = await issueWorkload(second, agent, entryId);
      clock.advanceMs(1001);
      expect((await ask(second, proxy)).status).toBe(200);
      expect(await second.verify()).toMatchObject({ ok: true, findings: [] });
      // One producer for each function and start; those of the first said that they ended.
      const { producers } = await second.exportTrail();
      expect(producers.filter(({ isClosed }) => isClosed).length).toBe(FUNCTION_NAMES.length);
      expect(producers.length).toBe(2 * FUNCTION_NAMES.length);
    } finally {
      await second.stop();
    }
  });

  test('after a crash: the trail verifies, and an issuance that was under way shows as open', async () => {
    const clock = createManualClock();
    const first = await startWorld({ dir, clock });
    const agent = await joinAgent(first, 'node-1');
    const entryId = await enterWorkload(first, agent, '/payments');
    let segments = 0;
    first.faults.objects = ({ operation, name }) =>
      operation === 'putIfAbsent' && name.startsWith('segments/') && ++segments > 1;
    const request = { requests: [{ entryId, csr: csrOf(newKey()) }] };
    expect((await callAs(first, agent, { method: 'POST', target: PATHS.svids, body: request })).status).toBe(503);
    const [begun] = await first.records('issuance-begin');
    await first.crash();

    const second = await startWorld({ dir, clock });
    try {
      const report = await second.verify();
      expect(report.ok).toBe(true);
      expect(report.findings).toMatchObject([
        { kind: 'issuance-open', detail: expect.stringContaining(begun?.serial as string) },
      ]);
      expect((await second.records('issuance-complete')).some(({ serial }) => serial === begun?.serial)).toBe(false);
    } finally {
      await second.stop();
    }
  });

  test('after the process was killed in the middle of its work: what was answered is there', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/run_local.ts'), dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const url = await new Promise<string>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
      child.stdout.once('data', (line: Buffer) => resolve((JSON.parse(line.toString()) as { url: string }).url));
    });
    const authorization = `Bearer ${readFileSync(join(dir, 'admin-token'), 'utf8').trim()}`;
    const answered: string[] = [];
    let isKilled = false;
    const calling = Array.from({ length: 4 }, async (_, caller) => {
      for (let index = 0; !isKilled; index++) {
        const subject = `device:${caller}-${index}`;
        const body = JSON.stringify({ subject, reason: 'test' });
        const response = await fetch(url + PATHS.admin.revocations, {
          method: 'POST',
          headers: { authorization },
          body,
        }).catch(() => undefined);
        if (response?.status === 201) answered.push(subject);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    isKilled = child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    await Promise.all(calling);
    expect(answered.length).toBeGreaterThan(0);

    const second = await startWorld({ dir, clock: createManualClock(Date.now()) });
    try {
      expect(await second.verify()).toMatchObject({ ok: true });
      const recorded = new Set(
        (await second.exportTrail()).segments.flatMap(({ jws }) => {
          const { records } = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as {
            records: { subject?: string }[];
          };
          return records.map(({ subject }) => subject);
        }),
      );
      expect(answered.filter((subject) => !recorded.has(subject))).toEqual([]);
      const status = await statusOf(second);
      expect(status.feedSequence).toBeGreaterThanOrEqual(answered.length);
    } finally {
      await second.stop();
    }
  });
});

describe('a start that cannot be leaves nothing open:', () => {
  const places = { trustDomain: TRUST_DOMAIN, port: 0, authorizePort: 0, log: () => {} };

  test('a port that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    for (const name of ['port', 'authorizePort'])
      await expect(startLocal({ ...places, dir, [name]: port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => taken.close(resolve));
    await (await startLocal({ ...places, dir })).stop();
  });

  test('a name that is no trust domain, or another one than the folder is of', async () => {
    await expect(startLocal({ ...places, dir, trustDomain: 'not a name' })).rejects.toBeInstanceOf(RangeError);
    await (await startLocal({ ...places, dir })).stop();
    await expect(startLocal({ ...places, dir, trustDomain: 'other.test' })).rejects.toThrow(/other\.test/);
    await (await startLocal({ ...places, dir })).stop();
  });

  test('a folder that another process has', async () => {
    const first = await startLocal({ ...places, dir });
    await expect(startLocal({ ...places, dir })).rejects.toThrow();
    expect((await fetch(first.url + PATHS.health)).status).toBe(200);
    await first.stop();
  });
});

test('an agent that joined before the restart renews after it', async () => {
  const clock = createManualClock();
  const first = await startWorld({ dir, clock });
  const agent = await joinAgent(first, 'node-1');
  await first.stop();
  const second = await startWorld({ dir, clock });
  const key = newKey();
  const response = await callAs(second, agent, { method: 'POST', target: PATHS.agentRenew, body: { csr: csrOf(key) } });
  expect(response.status).toBe(201);
  const renewed = holderOf((await response.json()) as Parameters<typeof holderOf>[0], key);
  expect((await callAs(second, renewed, { method: 'GET', target: PATHS.agentEntries })).status).toBe(200);
  await second.stop();
});
