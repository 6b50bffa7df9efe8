import {
  ALGORITHMS,
  joseSignature,
  publicKeyFromSpki,
  type SignatureAlgorithm,
  SignerUnavailable,
  verifySignature,
} from '@postern/keys';
import { describeGenerations } from '@postern/keys/testing';
import { StoreUnavailable, systemClock } from '@postern/store';
import { describeObjectsContract, describeTableContract } from '@postern/store/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningMiniStack, startMiniStack } from '../../../test/kit/ministack.ts';
import { describeWithTool } from '../../../test/kit/tools.ts';
import type { AwsClients } from './aws_clients.ts';
import { createDynamoTable, createKmsKeyRing, createS3Objects, openAwsPorts } from './index.ts';
import { createKmsMac } from './kms_mac.ts';
import { readKmsPublicKey } from './kms_public_key.ts';
import { createKmsSigner } from './kms_signer.ts';
import { CLIENT_SETS, settingsOf } from './testing/client_sets.ts';
import { createStandIn, type StandIn } from './testing/stand_in.ts';

describeWithTool('on MiniStack', ['ministack'], () => {
  let ministack: RunningMiniStack;
  let standIn: StandIn;
  beforeAll(async () => {
    ministack = await startMiniStack();
    standIn = createStandIn(settingsOf(ministack.clientConfig));
  }, 60_000);
  afterAll(async () => {
    standIn?.close();
    await ministack?.stop();
  });

  describe.each(CLIENT_SETS)('by the %s clients', (set, createClients) => {
    let clients: AwsClients;
    beforeAll(() => {
      clients = createClients(settingsOf(ministack.clientConfig));
    });
    afterAll(() => clients?.close());

    describeTableContract('the DynamoDB table', async ({ clock }) => {
      const tableName = await standIn.createTable(`table-${set}`);
      return { table: createDynamoTable({ calls: clients.dynamodb, tableName, clock }) };
    });

    describeObjectsContract('the S3 bucket', async () => {
      const bucket = await standIn.createBucket(`whole-${set}`);
      return { objects: createS3Objects({ calls: clients.s3, bucket }) };
    });

    describeObjectsContract('a folder of an S3 bucket', async () => {
      const bucket = await standIn.createBucket(`shared-${set}`);
      await createS3Objects({ calls: clients.s3, bucket }).putIfAbsent('somebody/else', new Uint8Array(1));
      return { objects: createS3Objects({ calls: clients.s3, bucket, prefix: 'ours/a' }) };
    });

    test('a table, bucket or secret that is not there is unavailable, and no empty one', async () => {
      const config = { table: 'missing', bucket: 'missing', signers: {}, macs: {}, secrets: { missing: 'missing' } };
      const { table, objects, secret } = openAwsPorts({ ...config, clock: systemClock }, clients);
      await expect(table.get({ pk: 'a', sk: 'b' })).rejects.toThrow(StoreUnavailable);
      await expect(table.query({ pk: 'a' })).rejects.toThrow(StoreUnavailable);
      await expect(objects.get('a')).rejects.toThrow(StoreUnavailable);
      await expect(objects.list('')).rejects.toThrow(StoreUnavailable);
      await expect(secret('missing')).rejects.toThrow(StoreUnavailable);
    });

    test('a secret is read as it was stored, text or bytes', async () => {
      const text = 'a secret of more than thirty-two bytes, é included';
      const bytes = Uint8Array.from({ length: 64 }, (_, index) => 255 - index);
      const secrets = {
        text: await standIn.createSecret(`text-${set}`, text),
        bytes: await standIn.createSecret(`bytes-${set}`, bytes),
        short: await standIn.createSecret(`short-${set}`, 'x'.repeat(31)),
      };
      const ports = openAwsPorts(
        { table: 't', bucket: 'b', signers: {}, macs: {}, secrets, clock: systemClock },
        clients,
      );
      expect(await ports.secret('text')).toEqual(new Uint8Array(Buffer.from(text)));
      expect(await ports.secret('bytes')).toEqual(bytes);
      await expect(ports.secret('short')).rejects.toThrow(TypeError);
    });

    describe('a KMS signer', () => {
      const names = Object.keys(ALGORITHMS) as SignatureAlgorithm[];
      const open = async (keyId: string, algorithm: SignatureAlgorithm) => {
        const key = { calls: clients.kms, keyId, algorithm };
        return createKmsSigner({ ...key, publicKey: await readKmsPublicKey(key) });
      };

      test.each(names)('of %s signs what node:crypto verifies, short and long', async (algorithm) => {
        const signer = await open(await standIn.createSigningKey(algorithm), algorithm);
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
        const signer = await open(await standIn.createSigningKey('EdDSA'), 'EdDSA');
        await expect(signer.sign(new Uint8Array(4097))).rejects.toThrow(RangeError);
      });

      test('does not take a key of another algorithm', async () => {
        await expect(open(await standIn.createSigningKey('ES384'), 'ES256')).rejects.toThrow(TypeError);
        await expect(open(await standIn.createMacKey(), 'ES256')).rejects.toThrow();
      });

      test('that is disabled or not there is unavailable', async () => {
        const keyId = await standIn.createSigningKey('ES256');
        const signer = await open(keyId, 'ES256');
        await standIn.disableKey(keyId);
        await expect(signer.sign(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
        const missing = keyId.replace(/[^/]+$/, '00000000-0000-0000-0000-000000000000');
        await expect(open(missing, 'ES256')).rejects.toThrow(SignerUnavailable);
      });

      test('whose alias was pointed to another key does not sign under a key that nobody announced', async () => {
        const alias = `alias/moved-${set}`;
        await standIn.createAlias(alias, await standIn.createSigningKey('ES256'));
        const signer = await open(alias, 'ES256');
        await signer.sign(new Uint8Array(1));
        await standIn.moveAlias(alias, await standIn.createSigningKey('ES256'));
        await expect(signer.sign(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
      });
    });

    describe('a KMS MAC', () => {
      test('is the same in every process that may use the key, and another for every name and key', async () => {
        const [keyId, other] = [await standIn.createMacKey(), await standIn.createMacKey()];
        const open = (id: string, name: 'entries' | 'facts') => createKmsMac({ calls: clients.kms, keyId: id, name });
        const message = Buffer.from('a fact');
        const tag = await open(keyId, 'facts').compute(message);
        expect(await open(keyId, 'facts').verify(message, tag)).toBe(true);
        expect(await open(keyId, 'entries').verify(message, tag)).toBe(false);
        expect(await open(other, 'facts').verify(message, tag)).toBe(false);
      });

      test('whose key is disabled is unavailable to a process that starts, and not a wrong tag', async () => {
        const keyId = await standIn.createMacKey();
        const tag = await createKmsMac({ calls: clients.kms, keyId, name: 'facts' }).compute(new Uint8Array(1));
        await standIn.disableKey(keyId);
        const mac = createKmsMac({ calls: clients.kms, keyId, name: 'facts' });
        await expect(mac.verify(new Uint8Array(1), tag)).rejects.toThrow(SignerUnavailable);
        await expect(mac.compute(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
      });
    });

    describeGenerations('of KMS keys', async () => {
      const signers = {
        root: await standIn.createSigningKey('ES384'),
        jwt: await standIn.createSigningKey('ES256'),
        assertion: await standIn.createSigningKey('ES256'),
      };
      const aliasPrefix = `alias/stack-${crypto.randomUUID()}`;
      return () => createKmsKeyRing({ calls: clients.kms, keys: { signers, macs: {}, aliasPrefix } });
    });

    test('a later generation has the first’s policy, and the tags by which it was allowed to be made', async () => {
      const root = await standIn.createSigningKey('ES384');
      const aliasPrefix = `alias/policy-${set}`;
      const ring = createKmsKeyRing({ calls: clients.kms, keys: { signers: { root }, macs: {}, aliasPrefix } });
      await ring.create('root', 2);
      const made = await standIn.describeKey(`${aliasPrefix}/root-2`);
      expect(made.tags).toEqual({ PosternDeployment: `policy-${set}`, PosternKey: 'root' });
      expect(JSON.parse(made.policy)).toEqual(JSON.parse((await standIn.describeKey(root)).policy));
    });

    test('a key ring signs with the keys that it was given, and shows their public halves', async () => {
      const keys = {
        signers: { root: await standIn.createSigningKey('ES384'), jwt: await standIn.createSigningKey('ES256') },
        macs: { entries: await standIn.createMacKey() },
      };
      const ring = createKmsKeyRing({ calls: clients.kms, keys });
      for (const [name, algorithm] of [
        ['root', 'ES384'],
        ['jwt', 'ES256'],
      ] as const) {
        const signer = await ring.signer(name);
        expect(signer.algorithm).toBe(algorithm);
        expect(await ring.publicKey(name)).toEqual(signer.spki);
        await signer.sign(new Uint8Array(1));
      }
      const mac = await ring.mac('entries');
      expect(await mac.verify(new Uint8Array(1), await mac.compute(new Uint8Array(1)))).toBe(true);
    });
  });
});
