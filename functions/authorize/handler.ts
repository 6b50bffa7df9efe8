import { createThinClients } from '@postern/aws/thin';
import { createHandler } from '../handler.ts';
import { openAuthorize } from './open.ts';
import { serveAuthorize } from './serve.ts';

/** On the path of requests: its start is what a caller waits for, so that no SDK is loaded. */
export const handler = createHandler('authorize', createThinClients, async (ports) =>
  serveAuthorize(await openAuthorize(ports)),
);
