/** What stands on the wire: both flavours' answers and the record. */
import { canonicalJson } from '@postern/canonical-json';
import { describe, expect, test } from 'vitest';
import { renderClientAnswer } from './client_answer.ts';
import { createBroker } from './decide_request.ts';
import { createDecisionRecord } from './decision_record.ts';
import { type DecisionReason, REASONS } from './reasons.ts';
import { renderGrpcAnswer } from './render_grpc.ts';
import { renderHttpAnswer } from './render_http.ts';
import type { CheckRequest } from './request.ts';
import * as world from './testing/index.ts';

const { NOW_MS, REQUEST, STATE, POINT, bearer, tokenOf } = world;
const broker = createBroker({ clock: { nowMs: () => NOW_MS } });
const check = (change: Partial<CheckRequest> = {}) => broker.check(STATE, { ...REQUEST, ...change }, POINT);

const allowed = check({ headers: [...bearer(tokenOf()), ['x-postern-role', 'admin']] });
const missing = check({ headers: [] });
const invalid = check({ headers: bearer('x') });
const stale = check({ headers: bearer(tokenOf({ auth_time: NOW_MS / 1000 - 4000 })) });
const forbidden = check({ headers: bearer(tokenOf({ sub: 'mallory' })) });
const headerOf = (headers: readonly (readonly [string, string])[], name: string) =>
  headers.filter(([known]) => known === name).map(([, value]) => value);

describe('HTTP flavour', () => {
  test('only an allow is answered with 200', () => {
    const decisions = [missing, invalid, stale, forbidden, broker.check(undefined, REQUEST, POINT)];
    expect(renderHttpAnswer(allowed).status).toBe(200);
    expect(decisions.map((decision) => renderHttpAnswer(decision).status)).toEqual([401, 401, 401, 403, 503]);
  });

  test('no reason but `permitted` has the status of an allow, and none a status that a proxy passes on as success', () => {
    for (const [reason, { status }] of Object.entries(REASONS)) {
      expect([401, 403, 500, 503]).toContain(reason === 'permitted' ? 403 : status);
    }
  });

  test('a denial that claims to be permitted is a fault, not a 200', () => {
    expect(() => renderClientAnswer({ ...forbidden, reason: 'permitted' })).toThrow();
    expect(() => renderGrpcAnswer({ ...forbidden, reason: 'permitted' })).toThrow();
  });

  test('on allow the upstream gets identity, and what must not reach it is named for removal', () => {
    const { headers, body } = renderHttpAnswer(allowed);
    expect(headerOf(headers, 'x-postern-user')).toEqual([`${world.ISSUER}#alice`]);
    expect(headerOf(headers, 'x-postern-decision-id')).toEqual([allowed.id]);
    const removed = headerOf(headers, 'x-envoy-auth-headers-to-remove')[0]?.split(',');
    expect(removed).toEqual(expect.arrayContaining(['authorization', 'x-postern-role', 'x-postern-peer-certificate']));
    expect(removed).not.toContain('x-postern-user');
    expect(body).toBe('');
  });

  test('on denial the client gets a problem document and nothing internal', () => {
    const { headers, body } = renderHttpAnswer(forbidden);
    expect(JSON.parse(body)).toEqual({
      type: 'urn:postern:problem:not-permitted',
      code: 'not-permitted',
      title: 'the caller may not do this',
      status: 403,
      decision: forbidden.id,
    });
    expect(headers).toEqual([
      ['content-type', 'application/problem+json'],
      ['cache-control', 'no-store'],
      ['postern-decision-id', forbidden.id],
    ]);
  });

  test.each([
    ['nobody', missing, 'Bearer realm="postern"'],
    ['an invalid token', invalid, 'Bearer realm="postern", error="invalid_token"'],
    [
      'an old sign-in',
      stale,
      'Bearer realm="postern", error="insufficient_user_authentication", ' +
        'error_description="a more recent sign-in is required", max_age="3600"',
    ],
  ])('401 tells %s what to do (RFC 6750 3, RFC 9470 3)', (_, decision, challenge) => {
    expect(headerOf(renderHttpAnswer(decision).headers, 'www-authenticate')).toEqual([challenge]);
  });

  test('all failures of a credential look the same to who is guessing', () => {
    const tokens = [
      'x',
      tokenOf({}, { kid: 'other' }),
      tokenOf({ aud: 'x' }),
      tokenOf({ exp: 0 }),
      world.hmacTokenOf(),
    ];
    const answers = tokens.map((token) => {
      const decision = check({ headers: bearer(token) });
      return JSON.stringify(renderHttpAnswer(decision)).replaceAll(decision.id, '');
    });
    expect(new Set(answers).size).toBe(1);
  });
});

describe('gRPC flavour', () => {
  test('an allow says so with its status, overwrites and removes', () => {
    const answer = renderGrpcAnswer(allowed);
    expect(answer.status).toEqual({ code: 0, message: 'permitted' });
    expect(answer.denied_response).toBeUndefined();
    expect(answer.ok_response?.headers).toContainEqual({
      header: { key: 'x-postern-user', value: `${world.ISSUER}#alice` },
      append_action: 2,
    });
    expect(answer.ok_response?.headers_to_remove).toEqual(expect.arrayContaining(['authorization', 'x-postern-role']));
    expect(answer.dynamic_metadata).toEqual({
      decision_id: allowed.id,
      reason: 'permitted',
      policies: ['callers', 'support'],
    });
  });

  test.each([
    ['nobody', missing, 16, 401],
    ['an old sign-in', stale, 16, 401],
    ['a forbidden person', forbidden, 7, 403],
  ])('a denial of %s is never an empty message', (_, decision, code, status) => {
    const answer = renderGrpcAnswer(decision);
    expect(answer.status.code).toBe(code);
    expect(answer.denied_response?.status.code).toBe(status);
    expect(answer.denied_response?.headers.map(({ header }) => [header.key, header.value])).toEqual(
      renderHttpAnswer(decision).headers,
    );
  });

  test('not being ready is an error to the proxy, a fault is a denial that no `failure_mode_allow` waives', () => {
    const notReady = renderGrpcAnswer(broker.check(undefined, REQUEST, POINT));
    expect(notReady).toMatchObject({ status: { code: 14 }, error_response: { status: { code: 503 } } });
    const broken = broker.check({} as typeof STATE, REQUEST, POINT);
    expect(broken.reason).toBe('internal-error');
    expect(renderGrpcAnswer(broken)).toMatchObject({
      status: { code: 13 },
      denied_response: { status: { code: 500 } },
    });
  });

  test('every denial of the table has exactly one response and a code', () => {
    for (const reason of Object.keys(REASONS) as DecisionReason[]) {
      if (reason === 'permitted') continue;
      const answer = renderGrpcAnswer({ ...forbidden, reason });
      expect(answer.status.code).toBeGreaterThan(0);
      expect([answer.denied_response, answer.error_response].filter(Boolean)).toHaveLength(1);
      expect(answer.ok_response).toBeUndefined();
    }
  });
});

describe('what a caller is told of policies', () => {
  const policies = (annotations: string) =>
    world.stateWith({
      policies: [
        ['org', 'permit (principal, action, resource);'],
        ['org', `@reason("ask Bob") ${annotations} forbid (principal is User, action, resource);`],
      ],
    });
  const bodyOf = (annotations: string) =>
    JSON.parse(renderClientAnswer(broker.check(policies(annotations), REQUEST, POINT)).body);

  test('is the reason of a forbid that says so, and of no other', () => {
    expect(bodyOf('@tell("caller")')).toMatchObject({ code: 'not-permitted', detail: 'ask Bob' });
    expect(bodyOf('@tell("everybody")')).not.toHaveProperty('detail');
    expect(bodyOf('')).not.toHaveProperty('detail');
    expect(JSON.stringify(bodyOf(''))).not.toContain('Bob');
  });
});

describe('the record of a decision', () => {
  test('says who, what, the outcome and why', () => {
    expect(createDecisionRecord(allowed, 12)).toEqual({
      kind: 'decision',
      outcome: 'allow',
      reason: 'permitted',
      service: 'payments',
      action: 'payments:refund',
      method: 'POST',
      path: '/refunds',
      host: 'payments.demo.test',
      enforcementPoint: 'spiffe://demo.test/payments',
      assurance: 'certificate',
      workload: {
        spiffeId: 'spiffe://demo.test/storefront',
        serial: world.storefront.serial,
        issuerKeyId: Buffer.from(world.issuer.keyId).toString('hex'),
      },
      user: { issuer: world.ISSUER, subject: 'alice' },
      device: { id: 'laptop-1' },
      parties: [
        {
          kind: 'workload',
          principal: 'Workload::"spiffe://demo.test/storefront"',
          outcome: 'allow',
          policies: ['callers'],
          errors: [],
        },
        {
          kind: 'user',
          principal: `User::"${world.ISSUER}#alice"`,
          outcome: 'allow',
          policies: ['support'],
          errors: [],
        },
      ],
      releaseNumber: 7,
      feedSequence: 42,
      validUntilMs: NOW_MS + 29_000,
      mode: 'enforce',
      observed: false,
      latencyUs: 12,
    });
  });

  test('has one spelling, also of a refusal, and holds no secret of the request', () => {
    const secret = tokenOf({}, { alg: 'none' });
    const decision = check({ headers: [...bearer(secret), ['cookie', 'session=abc']], target: '/refunds?card=4111' });
    const text = canonicalJson(createDecisionRecord(decision, 1));
    expect(text).toContain('"reason":"token-algorithm"');
    expect(text).not.toMatch(/eyJ|session=|4111/);
    expect(canonicalJson(createDecisionRecord(broker.check(undefined, REQUEST, POINT), 1))).toContain('not-ready');
  });

  test('names the exact rule that an unreadable certificate broke, and what could not be evaluated', () => {
    const untrusted = check({ peerCertificate: world.leafOf('storefront', { uris: [] }).certificate });
    expect(createDecisionRecord(untrusted, 1)).toMatchObject({ reason: 'svid-not-an-svid', detail: 'svid-uri-count' });
    const broken = check({ method: 'GET', target: '/files/broken' });
    expect(createDecisionRecord(broken, 1).parties[0]?.errors[0]).toMatch(/^broken: /);
  });

  test('is bounded and printable, whatever the client sent', () => {
    const decision = check({
      method: 'X\n'.repeat(1000),
      authority: 'é'.repeat(10_000),
      service: 'a\r\nb'.repeat(500),
    });
    const record = createDecisionRecord(decision, 1);
    expect(JSON.stringify(record).length).toBeLessThan(2000);
    expect(record.method + record.host + record.service).toMatch(/^[\x20-\x7e]*$/);
  });
});
