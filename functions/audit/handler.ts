import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openAudit } from './open.ts';

export const handler = createHandler('audit', createSdkClients, async (ports) => serveApp(await openAudit(ports)));
