import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import type { KmsCalls } from './aws_clients.ts';
import { createKmsMac } from './kms_mac.ts';

/** KMS with a key that we know. */
const kms: Pick<KmsCalls, 'generateMac'> = {
  async generateMac({ Message }) {
    return {
      Mac: createHmac('sha256', Buffer.alloc(32, 0xaa))
        .update(Message ?? '')
        .digest(),
    };
  },
};

test('tags are HMAC-SHA-256 under a key that OpenSSL derives too', async () => {
  // openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt mac:HMAC -kdfopt mode:counter -kdfopt hexkey:aa…aa
  //   -kdfopt salt:'postern mac key v1' -kdfopt info:facts KBKDF
  const derived = Buffer.from('78ec3b5d70d1a42f985499bd76337d72146fbf02e83a4910d81fef0f89a650c7', 'hex');
  const mac = createKmsMac({ calls: kms as KmsCalls, keyId: 'arn', name: 'facts' });
  expect(mac.keyId).toBe('arn');
  const message = Buffer.from('a fact');
  expect(await mac.compute(message)).toEqual(createHmac('sha256', derived).update(message).digest());
});
