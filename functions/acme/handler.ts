import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openAcme } from './open.ts';

export const handler = createHandler('acme', createSdkClients, async (ports) => serveApp(await openAcme(ports)));
