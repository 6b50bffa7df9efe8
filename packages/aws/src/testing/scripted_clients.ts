/** A suite for each set of clients, with a scripted server in AWS's place. */
import { afterEach, beforeEach, describe } from 'vitest';
import type { AwsClients } from '../aws_clients.ts';
import { CLIENT_SETS } from './client_sets.ts';
import { type ScriptedServer, startScriptedServer } from './scripted_server.ts';

export function describeEachSet(
  title: string,
  define: (world: { readonly server: () => ScriptedServer; readonly clients: () => AwsClients }) => void,
): void {
  describe.each(CLIENT_SETS)(`${title} by the %s clients`, (_set, createClients) => {
    let server: ScriptedServer;
    let clients: AwsClients;
    beforeEach(async () => {
      server = await startScriptedServer();
      clients = createClients(server.settings);
    });
    afterEach(() => {
      clients.close();
      server.stop();
    });
    define({ server: () => server, clients: () => clients });
  });
}
