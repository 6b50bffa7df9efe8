/** The demo in the cloud shape with a proxy before each service that its functions use, told to fail by the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATHS, type StatusAnswer } from '@postern/api';
import { type AuditRecord, type TrailExport, verifyTrail } from '@postern/audit';
import type { FunctionName } from '@postern/functions/access';
import { systemClock } from '@postern/store';
import { Cleanup } from '../../examples/demo/cleanup.ts';
import { sendSigned } from '../../examples/demo/cloud/control_plane.ts';
import { type CloudDemo, startCloudDemo } from '../../examples/demo/cloud/start.ts';
import { placesOf } from '../../examples/demo/places.ts';
import { decisionIdOf, SCENARIOS } from '../../examples/demo/scenarios.ts';
import type { AwsAccess, AwsCalls } from '../kit/cloud/aws_calls.ts';
import { changeVariables, type DeployedFunctions } from '../kit/cloud/deployed_functions.ts';
import { type FaultProxy, startFaultProxy } from '../kit/cloud/fault_proxy.ts';
import { waitUntil } from '../kit/wait.ts';

export type ServiceName = 'dynamodb' | 'kms' | 's3' | 'rotate';
export type Proxies = Readonly<Record<ServiceName, FaultProxy>>;

/** What a request through Envoy came to. */
export type Asked = {
  status: number;
  decisionId: string | undefined;
  retryAfter: string | undefined;
  tookMs: number;
};

export type CloudWorld = CloudDemo & {
  proxies: Proxies;
  /** A call of the control plane: to a door that IAM guards as administrator, to the public ones as anybody. */
  call: (method: string, path: string, body?: unknown) => Promise<Response>;
  /** A refund for Alice, which is permitted: Envoy of the storefront → Envoy of payments → the deployed `authorize`. */
  askAuthorize: () => Promise<Asked>;
  /** Decisions of the requests that Envoy let through on the word of `authorize`. */
  letThrough: readonly string[];
  /** The shop window, which everybody may see: Envoy of the storefront → the agent. */
  askAgent: () => Promise<Asked>;
  /** The next call of each starts cold. */
  restart: (...names: readonly FunctionName[]) => Promise<void>;
  status: () => Promise<StatusAnswer>;
  /** Everything passes again, and is seen to work. */
  recover: () => Promise<void>;
  /** Throws unless the trail is whole; answers the records in it, by id. */
  readTrail: () => Promise<ReadonlyMap<string, AuditRecord>>;
  stop: () => Promise<void>;
};

const RECOVERY_TIMEOUT_MS = 20_000;
const VARIABLES = {
  dynamodb: 'AWS_ENDPOINT_URL_DYNAMODB',
  kms: 'AWS_ENDPOINT_URL_KMS',
  s3: 'AWS_ENDPOINT_URL_S3',
} as const;

export async function startCloudWorld(envoy: string): Promise<CloudWorld> {
  const cleanup = new Cleanup();
  try {
    return await start(envoy, cleanup);
  } catch (fault) {
    await cleanup.end();
    throw fault;
  }
}

async function start(envoy: string, cleanup: Cleanup): Promise<CloudWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-faults-'));
  cleanup.add('files', () => rm(dir, { recursive: true, force: true }));
  let proxies: Proxies | undefined;
  let variables: Readonly<Record<string, string>> = {};
  const demo = await startCloudDemo({ ...placesOf(dir, 0), providerPort: 0 }, envoy, cleanup, {
    onStep: () => {},
    async beforeFirstTick(aws, functions, root) {
      proxies = await startProxies(root, cleanup);
      variables = variablesFor(proxies, functions);
      await changeAll(aws, functions, variables);
    },
  });
  if (proxies === undefined) throw new Error('nothing was deployed');
  const { plane, send } = demo;
  const signed = sendSigned(plane, plane.administrator);
  const letThrough: string[] = [];
  let restarts = 0;

  const call = (method: string, path: string, body?: unknown) => {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    return path.startsWith('/v1/admin/')
      ? signed({ method, path, ...text })
      : fetch(plane.url + path, { method, ...text });
  };
  const get = async <T>(path: string) => (await call('GET', path)).json() as Promise<T>;
  const [window, refund] = SCENARIOS as [(typeof SCENARIOS)[number], (typeof SCENARIOS)[number]];
  const token = (await plane.provider.signIn({ sub: 'alice', authTimeSecondsAgo: 30 })).accessToken;
  const ask = async (scenario: (typeof SCENARIOS)[number], credential?: string): Promise<Asked> => {
    const beganMs = performance.now();
    const answer = await send(scenario, credential);
    const tookMs = performance.now() - beganMs;
    const { status, headers } = answer;
    return { status, decisionId: decisionIdOf(answer), retryAfter: headers['retry-after'], tookMs };
  };
  const world: CloudWorld = {
    ...demo,
    proxies,
    call,
    async askAuthorize() {
      const asked = await ask(refund, token);
      if (asked.status === 200) letThrough.push(asked.decisionId ?? 'without an id');
      return asked;
    },
    letThrough,
    askAgent: () => ask(window),
    restart: async (...names) => {
      restarts += 1;
      const changed = { ...variables, POSTERN_RESTARTS: String(restarts) };
      await Promise.all(names.map((name) => changeVariables(plane.aws, plane.functions[name], ownOf(name, changed))));
    },
    status: () => get<StatusAnswer>(PATHS.admin.status),
    async recover() {
      await Promise.all(Object.values(world.proxies).map((proxy) => proxy.set('pass')));
      await waitUntil('decisions to be given again', RECOVERY_TIMEOUT_MS, async () => {
        return (await world.askAuthorize()).status === 200;
      });
    },
    async readTrail() {
      const { controlPlane } = await world.status();
      const trail = await exportTrail(get);
      const { ok, findings } = verifyTrail(trail, controlPlane.assertionKeys);
      if (!ok) throw new Error(`the trail is not whole: ${JSON.stringify(findings)}`);
      return new Map(trail.segments.flatMap(({ jws }) => recordsOf(jws)).map((record) => [record.id, record]));
    },
    stop: () => cleanup.end(),
  };
  return world;
}

async function startProxies({ endpoint }: AwsAccess, cleanup: Cleanup): Promise<Proxies> {
  const [dynamodb, kms, s3, rotate] = await Promise.all([
    startFaultProxy('dynamodb', endpoint),
    startFaultProxy('kms', endpoint),
    startFaultProxy('s3', endpoint),
    startFaultProxy('lambda-url', endpoint),
  ]);
  const proxies = { dynamodb, kms, s3, rotate };
  for (const [name, proxy] of Object.entries(proxies)) cleanup.add(`fault proxy of ${name}`, () => proxy.stop());
  return proxies;
}

function variablesFor(proxies: Proxies, { issue }: DeployedFunctions): Readonly<Record<string, string>> {
  const rotateUrl = new URL(issue.variables['POSTERN_ROTATE_URL'] as string);
  const services = Object.entries(VARIABLES) as [keyof typeof VARIABLES, string][];
  return {
    ...Object.fromEntries(services.map(([service, variable]) => [variable, proxies[service].url])),
    POSTERN_ROTATE_URL: proxies.rotate.url + rotateUrl.pathname,
  };
}

/** `rotate` asks nobody to certify its keys. */
function ownOf(name: FunctionName, variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { POSTERN_ROTATE_URL: _, ...others } = variables;
  return name === 'rotate' ? others : variables;
}

async function changeAll(aws: AwsCalls, functions: DeployedFunctions, variables: Readonly<Record<string, string>>) {
  const all = Object.entries(functions) as [FunctionName, DeployedFunctions[FunctionName]][];
  await Promise.all(all.map(([name, deployed]) => changeVariables(aws, deployed, ownOf(name, variables))));
}

async function exportTrail(get: <T>(path: string) => Promise<T>): Promise<TrailExport> {
  const segments: TrailExport['segments'][number][] = [];
  for (let after: number | undefined = 0; ; ) {
    const page: TrailExport & { next?: number } = await get(`${PATHS.admin.trail}?after=${after}`);
    segments.push(...page.segments);
    if (page.next === undefined) return { producers: page.producers, segments };
    after = page.next;
  }
}

function recordsOf(jws: string): AuditRecord[] {
  const payload = Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8');
  return (JSON.parse(payload) as { records: AuditRecord[] }).records;
}

/** As `functions/testing/agents.ts` takes it. */
export function agentsOf({ plane, call }: CloudWorld) {
  return {
    url: plane.url,
    trust: { url: plane.url },
    clock: systemClock,
    admin: (method: string, path: string, body?: unknown) => call(method, path, body),
  };
}
