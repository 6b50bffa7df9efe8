/** Where the demo keeps things and listens. */
import { join, resolve } from 'node:path';

export const TRUST_DOMAIN = 'demo.test';
export const AGENT_NAME = 'demo-node';
export const AGENT_ID = `spiffe://${TRUST_DOMAIN}/postern/agent/${AGENT_NAME}`;
export const AUDIENCE = 'https://services.demo.test';

export interface Places {
  readonly dir: string;
  readonly agentDir: string;
  readonly joinTokenFile: string;
  readonly workloadApiSocket: string;
  readonly authzGrpcSocket: string;
  readonly authzHttpSocket: string;
  readonly programs: string;
  readonly logs: string;
  readonly publicPort: number;
  readonly authorizePort: number;
  readonly providerPort: number;
}

export function placesOf(dir: string, portBase: number): Places {
  const root = resolve(dir);
  const run = join(root, 'run');
  return {
    dir: root,
    agentDir: join(root, 'agent'),
    joinTokenFile: join(root, 'agent-join-token'),
    workloadApiSocket: join(run, 'workload.sock'),
    authzGrpcSocket: join(run, 'authz-grpc.sock'),
    authzHttpSocket: join(run, 'authz-http.sock'),
    programs: join(root, 'programs'),
    logs: join(root, 'log'),
    publicPort: portBase,
    authorizePort: portBase + 1,
    providerPort: portBase + 2,
  };
}
