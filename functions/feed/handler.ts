import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openFeed } from './open.ts';

export const handler = createHandler('feed', createSdkClients, async (ports) => serveApp(await openFeed(ports)));
