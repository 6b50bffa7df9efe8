import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  type KeySpec,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import {
  ALGORITHMS,
  algorithmRow,
  joseSignature,
  publicKeyFromSpki,
  type SignatureAlgorithm,
  SignerUnavailable,
  verifySignature,
} from '@postern/keys';
import { StoreUnavailable, systemClock } from '@postern/store';
import { describeObjectsContract, describeTableContract } from '@postern/store/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningMiniStack, startMiniStack } from '../../../test/kit/ministack.ts';
import { describeWithTool } from '../../../test/kit/tools.ts';
import {
  createDynamoClient,
  createDynamoTable,
  createKmsClient,
  createKmsKeyRing,
  createKmsMac,
  createKmsSigner,
  createS3Client,
  createS3Objects,
} from './index.ts';
import { createTestTable } from './testing/create_table.ts';

describeWithTool('on MiniStack', ['ministack'], () => {
  let ministack: RunningMiniStack;
  beforeAll(async () => {
    ministack = await startMiniStack();
  }, 60_000);
  afterAll(() => ministack?.stop());
  const s3 = () => createS3Client({ ...ministack.clientConfig, forcePathStyle: true });
  const kms = () => createKmsClient(ministack.clientConfig);

  describeTableContract('the DynamoDB table', async ({ clock }) => {
    const client = createDynamoClient(ministack.clientConfig);
    const tableName = await createTestTable(client);
    return { table: createDynamoTable({ client, tableName, clock }), close: () => client.destroy() };
  });

  describeObjectsContract('the S3 bucket', async () => {
    const client = s3();
    await client.send(new CreateBucketCommand({ Bucket: 'whole' }));
    return { objects: createS3Objects({ client, bucket: 'whole' }), close: () => client.destroy() };
  });

  describeObjectsContract('a folder of an S3 bucket', async () => {
    const client = s3();
    await client.send(new CreateBucketCommand({ Bucket: 'shared' }));
    await createS3Objects({ client, bucket: 'shared' }).putIfAbsent('somebody/else', new Uint8Array(1));
    return { objects: createS3Objects({ client, bucket: 'shared', prefix: 'ours/a' }), close: () => client.destroy() };
  });

  test('a table or bucket that is not there is unavailable, and no empty one', async () => {
    const client = createDynamoClient(ministack.clientConfig);
    const table = createDynamoTable({ client, tableName: 'missing', clock: systemClock });
    await expect(table.get({ pk: 'a', sk: 'b' })).rejects.toThrow(StoreUnavailable);
    await expect(table.query({ pk: 'a' })).rejects.toThrow(StoreUnavailable);
    const objects = createS3Objects({ client: s3(), bucket: 'missing' });
    await expect(objects.get('a')).rejects.toThrow(StoreUnavailable);
    await expect(objects.list('')).rejects.toThrow(StoreUnavailable);
  });

  async function createKey(KeySpec: KeySpec, KeyUsage: 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC'): Promise<string> {
    const { KeyMetadata } = await kms().send(new CreateKeyCommand({ KeySpec, KeyUsage }));
    return KeyMetadata?.Arn as string;
  }
  const createSigningKey = (algorithm: SignatureAlgorithm) =>
    createKey(algorithmRow(algorithm).kms.keySpec as KeySpec, 'SIGN_VERIFY');

  describe('a KMS signer', () => {
    const names = Object.keys(ALGORITHMS) as SignatureAlgorithm[];

    test.each(names)('of %s signs what node:crypto verifies, short and long', async (algorithm) => {
      const keyId = await createSigningKey(algorithm);
      const signer = await createKmsSigner({ client: kms(), keyId, algorithm });
      const key = publicKeyFromSpki(signer.spki);
      if (key === undefined) throw new Error('no key');
      const lengths = algorithm === 'EdDSA' ? [1, 4096] : [1, 4096, 4097, 100_000];
      for (const message of lengths.map((length) => new Uint8Array(length).fill(7))) {
        const signature = await signer.sign(message);
        expect(verifySignature(algorithm, key, message, signature, 'x509')).toBe(true);
        expect(verifySignature(algorithm, key, message, joseSignature(algorithm, signature), 'jose')).toBe(true);
      }
    });

    test('refuses an EdDSA message that KMS would not take whole', async () => {
      const signer = await createKmsSigner({
        client: kms(),
        keyId: await createSigningKey('EdDSA'),
        algorithm: 'EdDSA',
      });
      await expect(signer.sign(new Uint8Array(4097))).rejects.toThrow(RangeError);
    });

    test('does not take a key of another algorithm', async () => {
      const keyId = await createSigningKey('ES384');
      await expect(createKmsSigner({ client: kms(), keyId, algorithm: 'ES256' })).rejects.toThrow(TypeError);
    });

    test('that is disabled or not there is unavailable', async () => {
      const keyId = await createSigningKey('ES256');
      const signer = await createKmsSigner({ client: kms(), keyId, algorithm: 'ES256' });
      await kms().send(new DisableKeyCommand({ KeyId: keyId }));
      await expect(signer.sign(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
      const missing = keyId.replace(/[^/]+$/, '00000000-0000-0000-0000-000000000000');
      await expect(createKmsSigner({ client: kms(), keyId: missing, algorithm: 'ES256' })).rejects.toThrow(
        SignerUnavailable,
      );
    });

    test('whose alias was pointed to another key does not sign under a key that nobody announced', async () => {
      const [first, second] = [await createSigningKey('ES256'), await createSigningKey('ES256')];
      await kms().send(new CreateAliasCommand({ AliasName: 'alias/moved', TargetKeyId: first }));
      const signer = await createKmsSigner({ client: kms(), keyId: 'alias/moved', algorithm: 'ES256' });
      await signer.sign(new Uint8Array(1));
      await kms().send(new UpdateAliasCommand({ AliasName: 'alias/moved', TargetKeyId: second }));
      await expect(signer.sign(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
    });
  });

  describe('a KMS MAC', () => {
    test('verifies for its message and key only, whole, and of any length', async () => {
      const mac = createKmsMac({ client: kms(), keyId: await createKey('HMAC_256', 'GENERATE_VERIFY_MAC') });
      const other = createKmsMac({ client: kms(), keyId: await createKey('HMAC_256', 'GENERATE_VERIFY_MAC') });
      for (const length of [0, 1, 100_000]) {
        const message = new Uint8Array(length);
        const tag = await mac.compute(message);
        expect(await mac.verify(message, tag)).toBe(true);
        expect(await mac.verify(new Uint8Array(length + 1), tag)).toBe(false);
        expect(await other.verify(message, tag)).toBe(false);
        expect(await mac.verify(message, tag.subarray(1))).toBe(false);
        expect(
          await mac.verify(
            message,
            Uint8Array.from(tag, (byte) => byte ^ 1),
          ),
        ).toBe(false);
        expect(await mac.verify(message, new Uint8Array())).toBe(false);
      }
    });

    test('whose key is disabled is unavailable, and not a wrong tag', async () => {
      const keyId = await createKey('HMAC_256', 'GENERATE_VERIFY_MAC');
      const mac = createKmsMac({ client: kms(), keyId });
      const tag = await mac.compute(new Uint8Array(1));
      await kms().send(new DisableKeyCommand({ KeyId: keyId }));
      await expect(mac.verify(new Uint8Array(1), tag)).rejects.toThrow(SignerUnavailable);
      await expect(mac.compute(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
    });
  });

  test('a key ring has the keys that it was given, each opened once, and no other', async () => {
    const ring = createKmsKeyRing({
      client: kms(),
      signers: { jwt: { keyId: await createSigningKey('ES256'), algorithm: 'ES256' } },
      macs: { entries: await createKey('HMAC_256', 'GENERATE_VERIFY_MAC') },
    });
    expect(await ring.signer('jwt')).toBe(await ring.signer('jwt'));
    const mac = await ring.mac('entries');
    expect(await mac.verify(new Uint8Array(1), await mac.compute(new Uint8Array(1)))).toBe(true);
    await expect(ring.signer('root')).rejects.toThrow(TypeError);
    await expect(ring.mac('facts')).rejects.toThrow(TypeError);
  });
});
