import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../tools/find_tool.ts';
import { startProcess } from './process.ts';
import { waitUntil } from './wait.ts';

export type EnvoyOptions = {
  /** Envoy's own bootstrap: an object, or YAML text. Its `admin` is ours; listeners may ask for port 0. */
  config: object | string;
  /** Also Envoy's node id and cluster, which SDS needs. */
  name: string;
  /** Another path to the same program, for attestation by /proc/PID/exe. */
  binary?: string;
  /** As of `startProcess`. */
  environment?: Readonly<Record<string, string | undefined>>;
  logLevel?: 'debug' | 'info' | 'warning' | 'error';
  readyTimeoutMs?: number;
};

export type RunningEnvoy = {
  pid: number;
  logs: () => string;
  /** One request to the admin interface, such as `/stats` or `/certs`. */
  admin: (path: string, method?: 'GET' | 'POST') => Promise<{ status: number; body: string }>;
  /** Waits until Envoy serves: with SDS that is once the secrets came. */
  waitReady: (timeoutMs?: number) => Promise<void>;
  /** The TCP port each listener got, by listener name. */
  ports: () => Promise<Record<string, number>>;
  stop: () => Promise<void>;
};

const READY_TIMEOUT_MS = 20_000;
const ADMIN_TIMEOUT_MS = 5_000;

/** Starts the real Envoy on a configuration of its own; resolves when it has accepted it and its admin answers. */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const binary = options.binary ?? findTool('envoy');
  if (binary === undefined) throw new Error('Envoy is not installed; `npm run tools` says why');
  const folder = await mkdtemp(join(tmpdir(), 'postern-envoy-'));
  const socketPath = join(folder, 'admin.sock');
  const isText = typeof options.config === 'string';
  const configFile = join(folder, isText ? 'envoy.yaml' : 'envoy.json');
  await writeFile(configFile, isText ? String(options.config) : JSON.stringify(options.config));
  const admin = { admin: { address: { pipe: { path: socketPath, mode: 0o600 } } } };
  const remove = () => rm(folder, { recursive: true, force: true });
  const envoy = await startProcess({
    name: `Envoy ${options.name}`,
    command: binary,
    args: [
      ...['--config-path', configFile, '--config-yaml', JSON.stringify(admin)],
      ...['--service-node', options.name, '--service-cluster', options.name],
      // Without hot restart there is no shared memory, which Envoy would leave behind in /dev/shm.
      ...['--disable-hot-restart', '--concurrency', '1', '--log-level', options.logLevel ?? 'warning'],
    ],
    environment: options.environment ?? {},
    ready: { probe: async () => (await askAdmin(socketPath, '/server_info')).status === 200 },
    readyTimeoutMs: options.readyTimeoutMs ?? READY_TIMEOUT_MS,
  }).catch(async (fault: unknown) => {
    await remove();
    throw fault;
  });
  const waitReady = async (timeoutMs = READY_TIMEOUT_MS) => {
    try {
      await waitUntil('Envoy to serve', timeoutMs, async () => (await askAdmin(socketPath, '/ready')).status === 200);
    } catch (cause) {
      throw new Error(`Envoy ${options.name} does not serve\n${envoy.output.text()}`, { cause });
    }
  };
  return {
    pid: envoy.pid,
    logs: envoy.output.text,
    admin: (path, method = 'GET') => askAdmin(socketPath, path, method),
    waitReady,
    ports: async () => readPorts((await askAdmin(socketPath, '/listeners?format=json')).body),
    stop: async () => {
      await envoy.stop();
      await remove();
    },
  };
}

/** Status 0 stands for "no answer": Envoy has not opened, or has closed, its admin socket. */
function askAdmin(socketPath: string, path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, method, agent: false, timeout: ADMIN_TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve({ status: 0, body }));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve({ status: 0, body: '' }));
    asked.end();
  });
}

type ListenersBody = {
  listener_statuses?: { name: string; local_address: { socket_address?: { port_value: number } } }[];
};

function readPorts(body: string): Record<string, number> {
  const listeners = (JSON.parse(body) as ListenersBody).listener_statuses ?? [];
  return Object.fromEntries(
    listeners.flatMap((listener) => {
      const port = listener.local_address.socket_address?.port_value;
      return port === undefined ? [] : [[listener.name, port]];
    }),
  );
}
