/** Where the demo keeps things and listens. */
import { join, resolve } from 'node:path';

export const TRUST_DOMAIN = 'demo.test';
export const AGENT_NAME = 'demo-node';
export const AGENT_ID = `spiffe://${TRUST_DOMAIN}/postern/agent/${AGENT_NAME}`;
export const AUDIENCE = 'https://services.demo.test';

export const DEFAULT_DIR = '.postern';
export const DEFAULT_PORT_BASE = 8440;

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
  const agentDir = join(root, 'agent');
  return {
    dir: root,
    agentDir,
    joinTokenFile: join(root, 'agent-join-token'),
    // Where `postern` looks when nobody names another place: `postern svid fetch` and `postern doctor` find this agent.
    workloadApiSocket: join(agentDir, 'workload-api.sock'),
    authzGrpcSocket: join(agentDir, 'ext-authz.sock'),
    authzHttpSocket: join(agentDir, 'ext-authz-http.sock'),
    programs: join(root, 'programs'),
    logs: join(root, 'log'),
    publicPort: portBase,
    authorizePort: portBase + 1,
    providerPort: portBase + 2,
  };
}
