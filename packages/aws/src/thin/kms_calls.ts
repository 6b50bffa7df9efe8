import type { KeyMetadata, KeyUsageType, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import type { KmsCalls } from '../aws_clients.ts';
import type { ClientSettings } from '../settings.ts';
import { blobOf, createJsonCall } from './json_protocol.ts';
import { openService } from './service.ts';

/** The largest public key has 0.8 KB. */
const MAX_ANSWER_BYTES = 64 * 1024;

export function createThinKmsCalls(settings: ClientSettings): KmsCalls {
  const call = createJsonCall({
    service: openService('kms', settings),
    target: 'TrentService',
    version: '1.1',
    maxAnswerBytes: MAX_ANSWER_BYTES,
  });
  return {
    async getPublicKey(input, signal) {
      const { PublicKey, KeyUsage, SigningAlgorithms } = await call('GetPublicKey', input, signal);
      return {
        PublicKey: blobOf(PublicKey),
        KeyUsage: KeyUsage as KeyUsageType | undefined,
        SigningAlgorithms: Array.isArray(SigningAlgorithms) ? (SigningAlgorithms as SigningAlgorithmSpec[]) : undefined,
      };
    },
    async sign(input, signal) {
      return { Signature: blobOf((await call('Sign', input, signal))['Signature']) };
    },
    async generateMac(input, signal) {
      return { Mac: blobOf((await call('GenerateMac', input, signal))['Mac']) };
    },
    async createKey(input, signal) {
      return { KeyMetadata: (await call('CreateKey', input, signal))['KeyMetadata'] as KeyMetadata | undefined };
    },
    createAlias: (input, signal) => call('CreateAlias', input, signal),
    async getKeyPolicy(input, signal) {
      const { Policy } = await call('GetKeyPolicy', input, signal);
      return { Policy: typeof Policy === 'string' ? Policy : undefined };
    },
  };
}
