import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openSignals } from './open.ts';

export const handler = createHandler('signals', createSdkClients, async (ports) =>
  serveApp(await openSignals({ ...ports, postureSecret: await ports.secret('posture-webhook') })),
);
