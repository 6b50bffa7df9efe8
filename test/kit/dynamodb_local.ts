import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../tools/find_tool.ts';
import { freePort } from './ports.ts';
import { startProcess } from './process.ts';

export type RunningDynamoDbLocal = {
  /** What an SDK client needs; the credentials open nothing else. */
  clientConfig: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  stop: () => Promise<void>;
};

const READY_TIMEOUT_MS = 30_000;

/** Starts DynamoDB Local on a port of its own, in memory, with telemetry off. */
export async function startDynamoDbLocal(): Promise<RunningDynamoDbLocal> {
  const command = findTool('dynamodb-local');
  if (command === undefined) throw new Error('DynamoDB Local is not installed; `npm run tools` says why');
  const folder = await mkdtemp(join(tmpdir(), 'postern-dynamodb-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const dynamodb = await startProcess({
    name: 'DynamoDB Local',
    command,
    args: ['-inMemory', '-disableTelemetry', '-port', String(port)],
    folder,
    ready: { probe: () => isListening(endpoint) },
    readyTimeoutMs: READY_TIMEOUT_MS,
  }).catch(async (fault: unknown) => {
    await remove();
    throw fault;
  });
  return {
    clientConfig: { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
    stop: async () => {
      await dynamodb.stop();
      await remove();
    },
  };
}

/** Any answer will do: without a signed request it is a refusal. */
async function isListening(endpoint: string): Promise<boolean> {
  const response = await fetch(endpoint).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined;
}
