/** Asked by grpc-js with the messages that gRPC publishes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import grpc, { type ClientReadableStream } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHealth } from './health.ts';
import { createGrpcServer, type GrpcServer } from './server.ts';

interface Answer {
  readonly status: string;
}
interface HealthClient extends grpc.Client {
  check(request: object, callback: (fault: grpc.ServiceError | null, answer?: Answer) => void): void;
  watch(request: object): ClientReadableStream<Answer>;
  list(request: object, callback: (fault: grpc.ServiceError | null, answer?: object) => void): void;
}

const published = join(
  dirname(createRequire(import.meta.url).resolve('grpc-health-check/package.json')),
  'proto/health/v1/health.proto',
);
const { grpc: packages } = grpc.loadPackageDefinition(loadSync(published, { enums: String })) as unknown as {
  grpc: { health: { v1: { Health: new (address: string, credentials: grpc.ChannelCredentials) => HealthClient } } };
};

const folder = mkdtempSync(join(tmpdir(), 'postern-health-'));
let isServing = false;
let server: GrpcServer;
let client: HealthClient;

beforeAll(async () => {
  const path = join(folder, 'grpc.sock');
  const methods = createHealth(
    new Map([
      ['', () => isServing],
      ['SpiffeWorkloadAPI', () => true],
    ]),
  );
  server = createGrpcServer({ methods, log: () => {} });
  await server.listen(path, 0o600);
  client = new packages.health.v1.Health(`unix:${path}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const check = (service?: string) =>
  new Promise<string>((resolve) =>
    client.check({ service }, (fault, answer) => resolve(fault === null ? (answer?.status ?? '') : `${fault.code}`)),
  );

describe('a health check', () => {
  test('never takes an agent that is not ready for one that is', async () => {
    isServing = false;
    expect(await check()).toBe('NOT_SERVING');
    isServing = true;
    expect(await check()).toBe('SERVING');
    isServing = false;
    expect(await check()).toBe('NOT_SERVING');
  });

  test('asks for one service', async () => {
    expect(await check('SpiffeWorkloadAPI')).toBe('SERVING');
  });

  test.each(['another', '__proto__', 'constructor', ' '])('of `%s` is NOT_FOUND', async (service) => {
    expect(await check(service)).toBe(`${grpc.status.NOT_FOUND}`);
  });
});

test('all services are listed', async () => {
  isServing = false;
  const listed = await new Promise((resolve) => client.list({}, (_, answer) => resolve(answer)));
  expect(listed).toEqual({ statuses: { '': { status: 'NOT_SERVING' }, SpiffeWorkloadAPI: { status: 'SERVING' } } });
});

/** What a watcher is told until `count` answers came; then it goes away. */
function watch(service: string, count: number, told: (status: string) => void = () => {}): Promise<string[]> {
  return new Promise((resolve) => {
    const answers: string[] = [];
    const call = client.watch({ service });
    call.on('data', ({ status }: Answer) => {
      answers.push(status);
      told(status);
      if (answers.length === count) call.cancel();
    });
    call.on('error', () => resolve(answers));
  });
}

test('a watcher is told of each change, and of nothing else', async () => {
  isServing = false;
  const answers = await watch('', 3, () => {
    isServing = !isServing;
  });
  expect(answers).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING']);
});

test('a watcher of what is not there is told that it is not, and may wait', async () => {
  expect(await watch('another', 1)).toEqual(['SERVICE_UNKNOWN']);
});

test('who went away is watched for no longer', async () => {
  await watch('', 1);
  await expect.poll(() => server.openCalls().get('/grpc.health.v1.Health/Watch')).toBe(0);
});
