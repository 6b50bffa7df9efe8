import { StoreUnavailable, systemClock } from '@postern/store';
import { describe, expect, test } from 'vitest';
import { openAwsPorts } from './index.ts';
import { describeEachSet } from './testing/scripted_clients.ts';
import { type Answer, refusal } from './testing/scripted_server.ts';

const done: Answer = { status: 200, body: {} };

describeEachSet('the ports', ({ server, clients }) => {
  describe('a secret', () => {
    const open = () =>
      openAwsPorts(
        { table: 't', bucket: 'b', signers: {}, macs: {}, secrets: { webhook: 'arn' }, clock: systemClock },
        clients(),
      );
    const told = (text: string): Answer => ({ status: 200, body: { SecretString: text } });

    test('is read once for all who ask at once and later, and again after a failure', async () => {
      const { secret } = open();
      server().answer(refusal('AccessDeniedException'));
      await expect(secret('webhook')).rejects.toThrow(StoreUnavailable);
      server().answer(told('x'.repeat(32)));
      await Promise.all([secret('webhook'), secret('webhook')]);
      expect(Buffer.from(await secret('webhook')).toString()).toBe('x'.repeat(32));
      expect(server().requests()).toHaveLength(1);
    });

    test('that was changed by who got it is unchanged for the next', async () => {
      const { secret } = open();
      server().answer(told('x'.repeat(32)));
      (await secret('webhook')).fill(0);
      expect(Buffer.from(await secret('webhook')).toString()).toBe('x'.repeat(32));
    });

    test.each([
      ['shorter than 32 bytes', told('x'.repeat(31)), TypeError],
      ['that is empty', told(''), TypeError],
      ['that is none', done, StoreUnavailable],
    ])('%s is not used', async (_what, answer, fault) => {
      server().answer(answer);
      await expect(open().secret('webhook')).rejects.toThrow(fault);
    });

    test('that the function was not given is not asked for', async () => {
      await expect(open().secret('toString')).rejects.toThrow(TypeError);
      expect(server().requests()).toHaveLength(0);
    });
  });
});
