import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openAdmin } from './open.ts';

export const handler = createHandler('admin', createSdkClients, async (ports) => serveApp(await openAdmin(ports)));
