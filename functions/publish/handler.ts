import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { readOutboundRanges } from '../outbound.ts';
import { serveApp } from '../served.ts';
import { openPublish } from './open.ts';

export const handler = createHandler('publish', createSdkClients, async (ports) =>
  serveApp(await openPublish({ ...ports, outboundRanges: readOutboundRanges(ports) })),
);
