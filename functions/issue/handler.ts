import { createSdkClients } from '@postern/aws/sdk';
import { createHandler } from '../handler.ts';
import { readOutboundRanges } from '../outbound.ts';
import { serveApp } from '../served.ts';
import { openIssue } from './open.ts';

export const handler = createHandler('issue', createSdkClients, async (ports) =>
  serveApp(await openIssue({ ...ports, outboundRanges: readOutboundRanges(ports) })),
);
