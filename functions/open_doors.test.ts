import { readFileSync } from 'node:fs';
import http from 'node:http';
import { PATHS } from '@postern/api';
import { parseCsr } from '@postern/ca';
import { formatWebhookSignature, MAX_POSTURE_WEBHOOK_BYTES, POSTURE_SIGNATURE_HEADER } from '@postern/identity';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createJoinToken, csrOf, join, joinAgent, newKey } from './testing/agents.ts';
import { expectRefused, problemOf } from './testing/answers.ts';
import { startWorld, type World } from './testing/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.remove());

const csr = csrOf(newKey());

describe('nobody joins', () => {
  const door = 'issue POST /v1/agents/join';
  const bad = { status: 400, code: 'malformed-request', door } as const;
  const unknown = { status: 401, code: 'not-authenticated', door } as const;
  const rows: [string, () => Promise<unknown>, Parameters<typeof expectRefused>[2]][] = [
    ['with a body that is no JSON', async () => '{', { ...bad, reason: 'body-not-json' }],
    ['with bytes that are no text', async () => new Uint8Array([0xff, 0xfe]), { ...bad, reason: 'body-not-json' }],
    ['with a list', async () => [], { ...bad, reason: 'body-not-object' }],
    [
      'with a member that nobody knows',
      async () => ({ token: 'x', csr, spiffeId: 'spiffe://demo.test/root' }),
      { ...bad, reason: 'member-unknown' },
    ],
    ['without a token', async () => ({ csr }), { ...bad, reason: 'member-malformed' }],
    [
      'with a token of 129 characters',
      async () => ({ csr, token: 'x'.repeat(129) }),
      { ...bad, reason: 'member-malformed' },
    ],
    [
      'with a token that nobody made',
      async () => ({ csr, token: 'x'.repeat(43) }),
      { ...unknown, reason: 'join-token-unknown' },
    ],
    ['with a token that expired', () => expired(), { ...unknown, reason: 'join-token-expired' }],
    ['with a token that was used', () => used(), { ...unknown, reason: 'join-token-used' }],
    [
      'with more than a request has',
      async () => ({ csr: 'x'.repeat(30 * 1024) }),
      { status: 413, code: 'too-large', door, reason: 'body-too-large' },
    ],
  ];
  async function expired() {
    const token = await createJoinToken(world, 'late', 60);
    world.clock.advanceMs(60_000);
    return { csr, token };
  }
  async function used() {
    const token = await createJoinToken(world, 'twice');
    expect((await join(world, { csr, token })).status).toBe(201);
    return { csr: csrOf(newKey()), token };
  }
  test.each(rows)('%s', async (_, make, expected) => {
    const body = await make();
    await expectRefused(world, () => join(world, body), expected);
  });

  test('with a request that cannot be certified, and the token is not spent for it', async () => {
    const token = await createJoinToken(world, 'mistaken');
    for (const wrong of ['AAAA', Buffer.from(csr, 'base64').subarray(0, -1).toString('base64'), '!'])
      await expectRefused(world, () => join(world, { token, csr: wrong }), { ...bad, reason: reasonOf(wrong) });
    expect((await join(world, { token, csr })).status).toBe(201);
  });
  function reasonOf(wrong: string): string {
    const parsed = parseCsr(Buffer.from(wrong, 'base64'));
    return parsed.ok ? 'accepted' : parsed.reason;
  }

  test('twice by two calls at once: one of them gets the identity', async () => {
    const token = await createJoinToken(world, 'race');
    const answers = await Promise.all(Array.from({ length: 8 }, () => join(world, { token, csr: csrOf(newKey()) })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(401)]);
    const issued = (await world.records('issuance-complete')).filter(({ spiffeId }) => spiffeId.endsWith('/race'));
    expect(issued).toHaveLength(1);
  });
});

describe('no posture is taken', () => {
  const at = () => world.clock.nowMs();
  const door = 'signals POST /v1/signals/posture/:source';
  const report = (change: object = {}) =>
    JSON.stringify({
      deviceId: 'laptop',
      observedAt: new Date(at()).toISOString(),
      compliant: true,
      managed: true,
      ...change,
    });
  const secret = () => Buffer.from(readFileSync(world.postureSecretFile, 'utf8').trim());

  const push = (body: string, signature: string | undefined, source = 'generic') =>
    world.admin(
      'POST',
      PATHS.posture(source),
      body,
      signature === undefined ? {} : { [POSTURE_SIGNATURE_HEADER]: signature },
    );
  const signed = (body: string, atMs = at(), key: Uint8Array = secret()) =>
    push(body, formatWebhookSignature(key, atMs, Buffer.from(body)));

  const unproven = { status: 401, code: 'not-authenticated', door } as const;
  const bad = { status: 400, code: 'malformed-request', door } as const;
  const rows: [string, () => Promise<Response>, Parameters<typeof expectRefused>[2]][] = [
    ['unsigned', () => push(report(), undefined), { ...unproven, reason: 'webhook-unsigned' }],
    [
      'with a signature that is none',
      () => push(report(), 'v1=00'),
      { ...unproven, reason: 'webhook-signature-malformed' },
    ],
    [
      'signed with another secret',
      () => signed(report(), at(), Buffer.alloc(43, 1)),
      { ...unproven, reason: 'webhook-signature' },
    ],
    [
      'signed over another body',
      () => push(report({ deviceId: 'evil' }), formatWebhookSignature(secret(), at(), Buffer.from(report()))),
      { ...unproven, reason: 'webhook-signature' },
    ],
    ['from six minutes ago', () => signed(report(), at() - 6 * 60_000), { ...unproven, reason: 'webhook-stale' }],
    ['from the future', () => signed(report(), at() + 6 * 60_000), { ...unproven, reason: 'webhook-stale' }],
    [
      'of a source that nobody configured',
      () => push(report(), formatWebhookSignature(secret(), at(), Buffer.from(report())), 'other'),
      { ...unproven, reason: 'source-unknown' },
    ],
    [
      'of a source named like a member of every object',
      () => push(report(), 'x', '__proto__'),
      { ...unproven, reason: 'source-unknown' },
    ],
    ['that is no JSON', () => signed('{'), { ...bad, reason: 'posture-malformed' }],
    [
      'without a word on compliance',
      () => signed(report({ compliant: undefined })),
      { ...bad, reason: 'posture-malformed' },
    ],
    [
      'that is called compliant by a text',
      () => signed(report({ compliant: 'false' })),
      { ...bad, reason: 'posture-malformed' },
    ],
    [
      'observed in the future',
      () => signed(report({ observedAt: new Date(at() + 120_000).toISOString() })),
      { ...bad, reason: 'posture-observed-in-future' },
    ],
    [
      'that is larger than the door takes',
      () => push('x'.repeat(MAX_POSTURE_WEBHOOK_BYTES + 1), undefined),
      { status: 413, code: 'too-large', door, reason: 'body-too-large' },
    ],
  ];
  test.each(rows)('%s', async (_, call, expected) => {
    await expectRefused(world, call, expected);
  });

  test('when a newer one is known: the sender is thanked, the record says why, and nothing changes', async () => {
    const observedAt = new Date(at()).toISOString();
    expect((await signed(report({ observedAt, compliant: false }))).status).toBe(202);
    const before = world.effects();
    for (const late of [
      report({ observedAt: new Date(at() - 1000).toISOString() }),
      report({ observedAt }),
      report({ observedAt, compliant: false }),
    ])
      expect((await signed(late)).status).toBe(202);
    expect(world.effects()).toEqual(before);
    const signals = await world.records('signal-received');
    expect(signals.map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual([
      ...Array(3).fill('refused fact-older'),
      'applied newer-posture',
    ]);
  });

  test('with a device id that a sort key cannot hold, but whole', async () => {
    const deviceId = '設'.repeat(256);
    expect((await signed(report({ deviceId }))).status).toBe(202);
    expect(await world.recordOf('signal-received', ({ subject }) => subject === deviceId)).toMatchObject({
      outcome: 'applied',
    });
  });
});

describe('what is no door', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['PUT', PATHS.feed],
    ['GET', PATHS.agentJoin],
    ['POST', PATHS.trustBundle],
    ['DELETE', PATHS.admin.status],
    ['GET', '/v1/releases/1/../../admin/status'],
    ['GET', `${PATHS.feed}/`],
    ['GET', '/V1/FEED'],
  ])('%s %s is answered as unknown', async (method, path) => {
    const before = world.effects();
    const problem = await problemOf(await world.admin(method, path, undefined, {}));
    expect([401, 404]).toContain(problem.status);
    expect(world.effects()).toEqual(before);
  });

  test('a body without a length is bounded all the same', async () => {
    const { port } = new URL(world.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: PATHS.agentJoin }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      for (let times = 0; times < 40; times++) request.write('x'.repeat(1024));
      // It is answered before it has ended.
    });
    expect(status).toBe(413);
  });

  test('a request that is no HTTP does not stop the server', async () => {
    const { port } = new URL(world.url);
    await new Promise<void>((resolve) => {
      const request = http.request({ port, host: '127.0.0.1', path: PATHS.health, headers: { host: 'a b' } });
      request.on('response', (response) => response.resume().on('end', resolve)).on('error', () => resolve());
      request.end();
    });
    expect((await fetch(world.url + PATHS.health)).status).toBe(200);
  });
});

test('the trust bundle is everybody’s, and asking again for the same costs no body', async () => {
  const first = await fetch(world.url + PATHS.trustBundle);
  expect(first.status).toBe(200);
  const again = await fetch(world.url + PATHS.trustBundle, {
    headers: { 'if-none-match': first.headers.get('etag') ?? '' },
  });
  expect([again.status, await again.text()]).toEqual([304, '']);
});

test('after all of this no secret is in the trail or the log', async () => {
  const token = await createJoinToken(world, 'secret');
  await join(world, { token, csr });
  await join(world, { token, csr });
  await joinAgent(world, 'last');
  const webhookSecret = readFileSync(world.postureSecretFile, 'utf8').trim();
  await world.admin('GET', PATHS.admin.status, undefined, { authorization: `Bearer ${world.administratorToken}x` });
  const segments = (await world.exportTrail()).segments.map(({ jws }) =>
    Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString(),
  );
  const everything = [...segments, JSON.stringify(world.logs)].join('\n');
  expect(everything).toContain('join-token-used');
  for (const secret of [token, webhookSecret, world.administratorToken]) {
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(secret.slice(0, 20));
  }
});
