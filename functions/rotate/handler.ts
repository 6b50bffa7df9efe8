import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { serveApp } from '../served.ts';
import { openRotate } from './open.ts';

export const handler = createHandler('rotate', createSdkClients, async (ports) => serveApp(await openRotate(ports)));
