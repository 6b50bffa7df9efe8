/** The hand-made encoder against Envoy's published protos. */
import type { EnvoyCheckResponse } from '@postern/broker';
import { createBroker, renderGrpcAnswer } from '@postern/broker';
import * as world from '@postern/broker/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadPublishedTypes } from './testing/published_protos.ts';
import { writeCheckResponse } from './write_check_response.ts';

const RUNS = process.env['POSTERN_LONG'] === '1' ? 5_000 : 300;
const { response: published } = loadPublishedTypes();
const decode = (wire: Uint8Array) => published.toObject(published.decode(wire), { arrays: true });

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const label = fc.string({ minLength: 1, maxLength: 20 });
const header = fc.record({
  header: fc.record({ key: label, value: label }),
  append_action: fc.constant(2 as const),
});
const denial = fc.record({
  status: fc.record({ code: fc.constantFrom(401, 403, 500, 503) }),
  headers: fc.array(header, { maxLength: 3 }),
  body: label,
});
const dynamic_metadata = fc.record({ decision_id: text, reason: text, policies: fc.array(text, { maxLength: 3 }) });
const refusalStatus = fc.record({ code: fc.constantFrom(7, 13, 14, 16), message: label }) as fc.Arbitrary<
  EnvoyCheckResponse['status']
>;
const response: fc.Arbitrary<EnvoyCheckResponse> = fc.oneof(
  fc.record({
    status: fc.record({ code: fc.constant(0 as const), message: label }),
    ok_response: fc.record({
      headers: fc.array(header, { maxLength: 3 }),
      headers_to_remove: fc.array(label, { maxLength: 3 }),
    }),
    dynamic_metadata,
  }),
  fc.record({ status: refusalStatus, denied_response: denial, dynamic_metadata }),
  fc.record({ status: refusalStatus, error_response: denial, dynamic_metadata }),
);

describe('writeCheckResponse', () => {
  it('writes what the published protos read', () => {
    fc.assert(
      fc.property(response, (value) => {
        const { dynamic_metadata: metadata, ...decoded } = decode(writeCheckResponse(value));
        expect(metadata).toEqual(structOf(value.dynamic_metadata));
        expect(published.fromObject(decoded)).toMatchObject(
          published.fromObject({ ...value, dynamic_metadata: undefined }),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('gives no decision that Envoy could take for an allow by its emptiness', () => {
    const broker = createBroker({ clock: { nowMs: () => world.NOW_MS } });
    const answers = [
      broker.check(world.STATE, world.REQUEST, world.POINT),
      broker.check(world.STATE, { ...world.REQUEST, headers: [] }, world.POINT),
      broker.check(world.STATE, world.REQUEST, undefined),
      broker.check(undefined, world.REQUEST, world.POINT),
      broker.refuse({ reason: 'request-malformed' }, undefined),
    ].map(renderGrpcAnswer);
    expect(answers.map(({ status }) => status.code)).toEqual([0, 16, 7, 14, 7]);
    for (const answer of answers) {
      const decoded = decode(writeCheckResponse(answer));
      expect(decoded['status'].message).toBe(answer.status.message);
      expect(decoded['status'].code ?? 0).toBe(answer.status.code);
    }
  });

  it('replaces a client’s copy of a header instead of adding to it', () => {
    const broker = createBroker({ clock: { nowMs: () => world.NOW_MS } });
    const allowed = renderGrpcAnswer(broker.check(world.STATE, world.REQUEST, world.POINT));
    const { ok_response: ok } = decode(writeCheckResponse(allowed));
    const OVERWRITE_IF_EXISTS_OR_ADD = 2;
    expect(ok.headers.length).toBeGreaterThan(0);
    for (const option of ok.headers) expect(option.append_action).toBe(OVERWRITE_IF_EXISTS_OR_ADD);
  });

  it('is a fault rather than an answer when status and response disagree', () => {
    const metadata = { decision_id: 'd', reason: 'r', policies: [] };
    const ok_response = { headers: [], headers_to_remove: [] };
    const denied_response = { status: { code: 403 }, headers: [], body: '' };
    const bad: EnvoyCheckResponse[] = [
      { status: { code: 0, message: '' }, ok_response, dynamic_metadata: metadata },
      { status: { code: 7, message: 'no' }, ok_response, dynamic_metadata: metadata },
      { status: { code: 0, message: 'yes' }, denied_response, dynamic_metadata: metadata },
      { status: { code: 0, message: 'yes' }, dynamic_metadata: metadata },
      { status: { code: 7, message: 'no' }, dynamic_metadata: metadata },
      { status: { code: 0, message: 'yes' }, ok_response, denied_response, dynamic_metadata: metadata },
    ];
    for (const answer of bad) expect(() => writeCheckResponse(answer)).toThrow();
  });
});

function structOf({ decision_id, reason, policies }: EnvoyCheckResponse['dynamic_metadata']) {
  const textOf = (stringValue: string) => ({ stringValue });
  return {
    fields: {
      decision_id: textOf(decision_id),
      reason: textOf(reason),
      policies: { listValue: { values: policies.map(textOf) } },
    },
  };
}
