import type { SecretCalls } from '../aws_clients.ts';
import type { ClientSettings } from '../settings.ts';
import { blobOf, createJsonCall } from './json_protocol.ts';
import { openService } from './service.ts';
import { AnswerLost } from './service_fault.ts';

/** A secret has 64 KiB at most; as JSON it may be six times as long. */
const MAX_ANSWER_BYTES = 512 * 1024;

export function createThinSecretCalls(settings: ClientSettings): SecretCalls {
  const call = createJsonCall({
    service: openService('secretsmanager', settings),
    target: 'secretsmanager',
    version: '1.1',
    maxAnswerBytes: MAX_ANSWER_BYTES,
  });
  return {
    async getSecretValue(secretId, signal) {
      const { SecretString, SecretBinary } = await call('GetSecretValue', { SecretId: secretId }, signal);
      const bytes = typeof SecretString === 'string' ? Buffer.from(SecretString) : blobOf(SecretBinary);
      if (bytes === undefined) throw new AnswerLost('the answer holds no secret');
      return bytes;
    },
  };
}
