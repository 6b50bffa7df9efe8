import {
  CreateAliasCommand,
  CreateKeyCommand,
  GenerateMacCommand,
  GetKeyPolicyCommand,
  GetPublicKeyCommand,
  type KMSClient,
  SignCommand,
} from '@aws-sdk/client-kms';
import type { KmsCalls } from '../aws_clients.ts';

/** `client`: made with `sdkSettings`. */
export function createSdkKmsCalls(client: KMSClient): KmsCalls {
  return {
    getPublicKey: (input, abortSignal) => client.send(new GetPublicKeyCommand(input), { abortSignal }),
    sign: (input, abortSignal) => client.send(new SignCommand(input), { abortSignal }),
    generateMac: (input, abortSignal) => client.send(new GenerateMacCommand(input), { abortSignal }),
    createKey: (input, abortSignal) => client.send(new CreateKeyCommand(input), { abortSignal }),
    createAlias: (input, abortSignal) => client.send(new CreateAliasCommand(input), { abortSignal }),
    getKeyPolicy: (input, abortSignal) => client.send(new GetKeyPolicyCommand(input), { abortSignal }),
  };
}
