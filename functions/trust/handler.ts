import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openTrust } from './open.ts';

export const handler = createHandler('trust', createSdkClients, async (ports) => serveApp(await openTrust(ports)));
