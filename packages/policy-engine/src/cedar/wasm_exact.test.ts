import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { describe, expect, test } from 'vitest';
import { withExactJson } from './wasm_exact.ts';

const text = 'permit(principal, action, resource) when { context.n == 9007199254740993 };';

describe('withExactJson', () => {
  test('brings integers beyond 2^53 out of cedar-wasm, which rounds them by itself', () => {
    const show = (json: unknown) =>
      JSON.stringify(json, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
    expect(show(cedar.policyToJson(text))).not.toContain('9007199254740993');
    expect(show(withExactJson(() => cedar.policyToJson(text)))).toContain('"9007199254740993n"');
  });

  test('brings them in, where they would be rounded or refused', () => {
    const decide = (n: bigint) =>
      withExactJson(() =>
        cedar.isAuthorized({
          principal: { type: 'A', id: 'a' },
          action: { type: 'Action', id: 'a' },
          resource: { type: 'A', id: 'a' },
          context: { n: n as unknown as number },
          policies: { staticPolicies: text },
          entities: [],
        }),
      );
    expect(decide(9007199254740993n)).toMatchObject({ response: { decision: 'allow' } });
    expect(decide(9007199254740992n)).toMatchObject({ response: { decision: 'deny' } });
  });

  test('leaves the built-in reader and writer as they were, also after a fault', () => {
    const { parse, stringify } = JSON;
    withExactJson(() => cedar.policyToJson(text));
    expect(() =>
      withExactJson(() => {
        throw new Error('fault');
      }),
    ).toThrow('fault');
    expect([JSON.parse, JSON.stringify]).toEqual([parse, stringify]);
  });
});
