/** What happens when KMS fails while it makes a later generation, by either set of clients. */
import { SignerUnavailable } from '@postern/keys';
import { expect, test } from 'vitest';
import { createKmsKeyRing } from './index.ts';
import { describeEachSet } from './testing/scripted_clients.ts';
import { type Answer, refusal } from './testing/scripted_server.ts';

describeEachSet('a later generation', ({ server, clients }) => {
  const open = (aliasPrefix?: string) =>
    createKmsKeyRing({ calls: clients().kms, keys: { signers: { root: 'arn:root' }, macs: {}, aliasPrefix } });
  const ok = (body: object): Answer => ({ status: 200, body });
  const asked = () =>
    server()
      .requests()
      .map(({ headers }) => String(headers['x-amz-target']).replace('TrentService.', ''));

  test('is made once where the answer was lost: a second key would be nobody’s', async () => {
    server().answer(refusal('NotFoundException'), ok({ Policy: '{}' }), refusal('KMSInternalException', 500));
    await expect(open('alias/a').create('root', 2)).rejects.toBeInstanceOf(SignerUnavailable);
    expect(asked()).toEqual(['GetPublicKey', 'GetKeyPolicy', 'CreateKey']);
  });

  test('of which the alias is there meanwhile is the one that was there first', async () => {
    server().answer(
      refusal('NotFoundException'),
      ok({ Policy: '{}' }),
      ok({ KeyMetadata: { KeyId: 'mine' } }),
      refusal('AlreadyExistsException'),
    );
    await open('alias/a').create('root', 2);
    expect(asked()).toEqual(['GetPublicKey', 'GetKeyPolicy', 'CreateKey', 'CreateAlias']);
  });

  test('is not made when nobody says whether it is there', async () => {
    server().answer(refusal('AccessDeniedException'));
    await expect(open('alias/a').create('root', 2)).rejects.toBeInstanceOf(SignerUnavailable);
    expect(asked()).toEqual(['GetPublicKey']);
  });

  test('is not made without the policy of the first, which would leave it to whoever KMS says', async () => {
    server().answer(refusal('NotFoundException'), ok({}));
    await expect(open('alias/a').create('root', 2)).rejects.toBeInstanceOf(SignerUnavailable);
    expect(asked()).toEqual(['GetPublicKey', 'GetKeyPolicy']);
  });

  test('is unknown where the deployment did not say where to look', async () => {
    await expect(open().create('root', 2)).rejects.toThrow(TypeError);
    await expect(open().signer('root', 2)).rejects.toThrow(TypeError);
    await expect(open('alias/a').create('jwt', 2)).rejects.toThrow(TypeError);
    expect(asked()).toEqual([]);
  });
});
