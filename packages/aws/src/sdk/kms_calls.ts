import { GenerateMacCommand, GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import type { KmsCalls } from '../aws_clients.ts';

/** `client`: made with `sdkSettings`. */
export function createSdkKmsCalls(client: KMSClient): KmsCalls {
  return {
    getPublicKey: (input, abortSignal) => client.send(new GetPublicKeyCommand(input), { abortSignal }),
    sign: (input, abortSignal) => client.send(new SignCommand(input), { abortSignal }),
    generateMac: (input, abortSignal) => client.send(new GenerateMacCommand(input), { abortSignal }),
  };
}
