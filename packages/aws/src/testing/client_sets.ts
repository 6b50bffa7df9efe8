/** Both sets of clients, for suites that must hold of either. */
import type { AwsClients } from '../aws_clients.ts';
import { createSdkClients } from '../sdk/index.ts';
import type { ClientSettings } from '../settings.ts';
import type { AwsCredentials } from '../signed_fetch/index.ts';
import { createThinClients } from '../thin/index.ts';

export const CLIENT_SETS: readonly (readonly [set: string, create: (settings?: ClientSettings) => AwsClients])[] = [
  ['sdk', createSdkClients],
  ['thin', createThinClients],
];

/** `config`: what a stand-in's kit says. */
export function settingsOf(config: {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
}): Required<ClientSettings> {
  return { ...config, credentials: async () => config.credentials };
}
