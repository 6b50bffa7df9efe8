import type { AcmeAuthority } from '@postern/acme';
import { SignerUnavailable } from '@postern/keys';
import { afterEach, describe, expect, test } from 'vitest';
import { newAccountKey } from '../testing/acme_client.ts';
import { type AcmeWorld, csrFor, openAcmeWorld } from '../testing/acme_world.ts';
import { createRemoteAcmeAuthority } from './remote_authority.ts';

const binding = { eab: 'x', keyChanges: [] };
const answering = (status: number, text: string) =>
  createRemoteAcmeAuthority({
    url: 'https://issue.test',
    send: async () => ({ status, bytes: Buffer.from(text) }),
  });

describe('an authority that cannot be asked', () => {
  test.each([
    ['refuses who calls', 403, '{}'],
    ['is away', 503, '{}'],
    ['answers another way than it should', 201, '{"ok":true}'],
    ['answers no JSON', 200, '<html>'],
  ])('and %s has granted nothing', async (_, status, text) => {
    await expect(answering(status, text).grant(binding, false)).rejects.toThrow(SignerUnavailable);
    await expect(answering(status, text).issue(binding, 'x')).rejects.toThrow(SignerUnavailable);
  });

  test('or does not answer at all has granted nothing', async () => {
    const away = createRemoteAcmeAuthority({
      url: 'https://issue.test',
      send: async () => {
        throw new Error('ECONNREFUSED');
      },
    });
    await expect(away.renewal('00')).rejects.toThrow(SignerUnavailable);
  });
});

describe('while the authority is away', () => {
  let world: AcmeWorld | undefined;
  let isAway = false;
  afterEach(() => world?.remove());
  const failing = (own: AcmeAuthority): AcmeAuthority => {
    const unlessAway = <A extends readonly unknown[], R>(ask: (...args: A) => Promise<R>) => {
      return async (...args: A) => {
        if (isAway) throw new SignerUnavailable('away');
        return ask(...args);
      };
    };
    return {
      grant: unlessAway(own.grant),
      issue: unlessAway(own.issue),
      revoke: unlessAway(own.revoke),
      renewal: unlessAway(own.renewal),
    };
  };

  test('an order stays ready, the client is told when to come again, and then gets its certificate', async () => {
    world = await openAcmeWorld({ acmeAllowedRanges: ['127.0.0.0/8'], acmeAuthority: failing });
    const client = await world.client(['a.demo.test']);
    const order = await world.readyOrder(client, ['a.demo.test']);
    const csr = csrFor(newAccountKey(), ['a.demo.test']);
    isAway = true;
    const refused = await client.post(order.body.finalize, { csr });
    expect([refused.status, refused.body.type]).toEqual([503, 'urn:ietf:params:acme:error:serverInternal']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await client.post(order.headers.get('location') ?? '')).body.status).toBe('ready');
    isAway = false;
    expect((await client.post(order.body.finalize, { csr })).body.status).toBe('valid');
  });
});
