import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openIngest } from './open.ts';

export const handler = createHandler('ingest', createSdkClients, async (ports) => serveApp(await openIngest(ports)));
