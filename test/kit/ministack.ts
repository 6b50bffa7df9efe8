import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { findTool } from '../tools/find_tool.ts';
import { freePort } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';

export type MiniStackOptions = {
  /** Verifies signatures and holds every call against the policies of its role; without it anybody may do anything. */
  enforcesIam?: boolean;
};

export type RunningMiniStack = {
  /** What an SDK client needs; the account is 000000000000, the credentials are MiniStack's own and open nothing else. */
  clientConfig: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  port: number;
  logs: () => string;
  /** Ends its functions too. */
  stop: () => Promise<void>;
};

export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

const LAUNCHER = join(import.meta.dirname, 'ministack', 'launch.py');
const READY_TIMEOUT_MS = 30_000;
/** What of our environment a function may see: it gets all that MiniStack has. */
const PASSED_ON: ReadonlySet<string> = new Set(['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ']);

/** Starts MiniStack, a stand-in for AWS, on a port of its own and with nothing in it; what it keeps goes with it. */
export async function startMiniStack({ enforcesIam = false }: MiniStackOptions = {}): Promise<RunningMiniStack> {
  const program = findTool('ministack');
  if (program === undefined) throw new Error('MiniStack is not installed; `npm run tools` says why');
  const folder = await mkdtemp(join(tmpdir(), 'postern-ministack-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const ministack = await startProcess({
    name: 'MiniStack',
    command: join(dirname(program), 'python'),
    args: [LAUNCHER],
    folder,
    environment: {
      ...withoutOwn(process.env),
      // Functions run as programs of the `node` that it finds.
      PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
      TMPDIR: folder,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      IOT_MTLS_ENABLED: '0',
      PYTHONDONTWRITEBYTECODE: '1',
      AUTH: String(enforcesIam),
    },
    ready: { probe: () => isHealthy(endpoint) },
    readyTimeoutMs: READY_TIMEOUT_MS,
  }).catch(async (fault: unknown) => {
    await remove();
    throw fault;
  });
  return {
    clientConfig: {
      endpoint,
      region: REGION,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    },
    port,
    logs: ministack.output.text,
    stop: async () => {
      await endGroup(ministack);
      await remove();
    },
  };
}

function withoutOwn(environment: NodeJS.ProcessEnv): Record<string, undefined> {
  const names = Object.keys(environment).filter((name) => !PASSED_ON.has(name));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

/** Nothing of it is kept, so that nobody needs to be asked: the launcher leads a group in which its functions are. */
async function endGroup(ministack: RunningProcess): Promise<void> {
  try {
    process.kill(-ministack.pid, 'SIGKILL');
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ESRCH') throw fault;
  }
  await ministack.stop();
}

async function isHealthy(endpoint: string): Promise<boolean> {
  const response = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
}
