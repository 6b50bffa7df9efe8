/** A control plane as the demo uses it, wherever it runs, and what it is seeded with. */
import { join } from 'node:path';
import { PATHS } from '@postern/api';
import { formatWebhookSignature, POSTURE_SIGNATURE_HEADER } from '@postern/identity';
import type { AdminClient } from './admin_client.ts';
import type { Cleanup } from './cleanup.ts';
import { type DevelopmentProvider, startDevelopmentProvider } from './oidc/index.ts';
import { AUDIENCE, type Places } from './places.ts';

export interface DemoControlPlane {
  /** Origin of the public doors. */
  readonly url: string;
  readonly provider: DevelopmentProvider;
  readonly admin: AdminClient;
  /** What device management signs its webhooks with. */
  readonly postureSecret: Uint8Array;
}

/** Alice's laptop is in order, Bob's is not. */
const USERS = [
  { sub: 'alice', email: 'alice@demo.test', groups: ['support'], device_id: 'laptop-alice' },
  { sub: 'bob', email: 'bob@demo.test', groups: ['support'], device_id: 'laptop-bob' },
];

export async function startProvider(places: Places, cleanup: Cleanup): Promise<DevelopmentProvider> {
  const provider = await startDevelopmentProvider({
    port: places.providerPort,
    users: USERS,
    accessTokenAudience: AUDIENCE,
    keysFolder: join(places.dir, 'development-provider'),
  });
  cleanup.add('development provider', () => provider.stop());
  return provider;
}

/** What a device management system would push. */
export async function pushPostures({ url, postureSecret }: DemoControlPlane): Promise<void> {
  for (const [deviceId, compliant] of [
    ['laptop-alice', true],
    ['laptop-bob', false],
  ] as const) {
    const observedAt = new Date().toISOString();
    const body = Buffer.from(
      JSON.stringify({ deviceId, observedAt, compliant, managed: true, diskEncrypted: compliant, platform: 'linux' }),
    );
    const response = await fetch(url + PATHS.posture('generic'), {
      method: 'POST',
      headers: {
        [POSTURE_SIGNATURE_HEADER]: formatWebhookSignature(postureSecret, Date.now(), body),
        'content-type': 'application/json',
      },
      body,
    });
    if (response.status !== 202)
      throw new Error(`posture of ${deviceId} was answered ${response.status}: ${await response.text()}`);
  }
}

/** The feed carries postures and keys to the agent within its period of a second. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2500));
}
