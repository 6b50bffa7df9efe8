import { StoreUnavailable } from '@postern/store';
import { createManualClock } from '@postern/store/testing';
import { beforeEach, expect, test } from 'vitest';
import { openNamedSecrets } from './named_secrets.ts';

const clock = createManualClock();
let asked: string[];
let secrets: Map<string, string>;
let secretOf: (name: string) => Promise<string>;
beforeEach(() => {
  asked = [];
  secrets = new Map([['postern/demo.test/attestor/reviewer', 'one\n']]);
  const calls = {
    async getSecretValue(id: string) {
      asked.push(id);
      const text = secrets.get(id);
      if (text === undefined)
        throw Object.assign(new Error('no'), { name: 'ResourceNotFoundException', $metadata: { httpStatusCode: 400 } });
      return Buffer.from(text);
    },
  };
  secretOf = openNamedSecrets({ prefix: 'postern/demo.test/attestor/', clock }, calls);
});

test('a secret is read below the prefix, once in five minutes', async () => {
  expect([await secretOf('reviewer'), await secretOf('reviewer')]).toEqual(['one', 'one']);
  secrets.set('postern/demo.test/attestor/reviewer', 'two');
  expect(await secretOf('reviewer')).toBe('one');
  clock.advanceMs(5 * 60_000);
  expect(await secretOf('reviewer')).toBe('two');
  expect(asked).toHaveLength(2);
});

test.each(['', '../other', 'a/b', 'A', 'x'.repeat(64), 'a\n'])(
  'no other secret is reached by the name %j',
  async (name) => {
    await expect(secretOf(name)).rejects.toThrow(TypeError);
    expect(asked).toEqual([]);
  },
);

test('a secret that is not there is a store that is away, and not remembered', async () => {
  await expect(secretOf('missing')).rejects.toThrow(StoreUnavailable);
  secrets.set('postern/demo.test/attestor/missing', 'here');
  expect(await secretOf('missing')).toBe('here');
});
