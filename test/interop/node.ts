/** A control plane and a node agent on a folder of their own, with the real workloads of a test entered. */
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, type AgentOptions, startAgent } from '@postern/agent';
import { type JoinTokenAnswer, PATHS } from '@postern/api';
import { type LocalControlPlane, type LocalOptions, startLocal } from '@postern/functions/local';

export interface TestNode {
  readonly dir: string;
  readonly socket: string;
  /** The second one, for Istio's proxies, where it was asked for. */
  readonly istioSocket: string;
  /** Of HTTP ext_authz, where it was asked for. */
  readonly authzHttpSocket: string;
  readonly administratorToken: string;
  readonly plane: LocalControlPlane;
  readonly agent: Agent;
  /** One administrative call; throws unless it succeeds. */
  admin<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T>;
  /** Enters a program of this machine as a workload. */
  enter(
    workload: string,
    program: string,
    options?: {
      readonly ttlSeconds?: number;
      readonly dnsNames?: readonly string[];
      readonly federatesWith?: readonly string[];
    },
  ): Promise<void>;
  stop(): Promise<void>;
}

const TRUST_DOMAIN = 'demo.test';

/** `policies`: a policy repository to publish; agents need a release to be ready. `log`: of the agent. */
export async function startTestNode(
  policies: { readonly [path: string]: string },
  more: Pick<LocalOptions, 'rolloverTimes' | 'clock'> &
    Partial<Pick<AgentOptions, 'pace' | 'bundleEndpoint' | 'status' | 'otlp' | 'log'>> & {
      readonly authorizes?: boolean;
      readonly servesIstio?: boolean;
    } = {},
): Promise<TestNode> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-node-'));
  const log = () => {};
  const plane = await startLocal({
    dir: join(dir, 'plane'),
    trustDomain: TRUST_DOMAIN,
    port: 0,
    authorizePort: 0,
    log,
    ...(more.clock !== undefined && { clock: more.clock }),
    ...(more.rolloverTimes !== undefined && { rolloverTimes: more.rolloverTimes }),
  });
  const token = (await readFile(plane.administratorTokenFile, 'utf8')).trim();

  async function admin<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(plane.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  await admin('POST', PATHS.admin.releases, { files: policies });
  const join_ = await admin<JoinTokenAnswer>('POST', PATHS.admin.joinTokens, { agentName: 'node' });
  const [socket, authzHttpSocket] = [join(dir, 'workload.sock'), join(dir, 'authz.sock')];
  const istioSocket = join(dir, 'istio', 'socket');
  const agent = await startAgent({
    dir: join(dir, 'agent'),
    joinToken: join_.token,
    workloadApiSocket: socket,
    auditMode: 'batched',
    log: more.log ?? log,
    ...(more.authorizes === true && { authzHttpSocket }),
    ...(more.servesIstio === true && { istioSocket }),
    ...(more.clock !== undefined && { clock: more.clock }),
    ...(more.pace !== undefined && { pace: more.pace }),
    version: 'test',
    ...(more.otlp !== undefined && { otlp: more.otlp }),
    ...(more.status !== undefined && { status: more.status }),
    ...(more.bundleEndpoint !== undefined && { bundleEndpoint: more.bundleEndpoint }),
  });
  return {
    dir,
    socket,
    istioSocket,
    authzHttpSocket,
    administratorToken: token,
    plane,
    agent,
    admin,
    async enter(workload, program, options) {
      const selectors = [`unix:path:${await realpath(program)}`, `unix:uid:${process.getuid?.()}`];
      const spiffeId = `spiffe://${TRUST_DOMAIN}/${workload}`;
      await admin('POST', PATHS.admin.entries, { spiffeId, parentId: agent.spiffeId, selectors, ...options });
    },
    async stop() {
      await agent.stop();
      await plane.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The least that compiles: one service, one guardrail. */
export const MINIMAL_POLICIES = {
  'postern.yaml': 'teams:\n  shop: {}\n',
  'services/web.yaml':
    'name: web\nowner: shop\nhosts: [web.demo.test]\nspiffeIds: [spiffe://demo.test/web]\nenforcementPoints: [spiffe://demo.test/web]\nuser: none\n',
  'org/all.cedar': '@id("org-all")\npermit (principal, action, resource);\n',
};
