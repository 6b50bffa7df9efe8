/** The real Envoy on our template, the agent's sockets behind it, and an application that tells what reached it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { encodePem } from '@postern/der';
import { type RunningEnvoy, startEnvoy } from '../../../../../test/kit/envoy.ts';
import { createUnixAttestor } from '../../attest/unix.ts';
import { createExtAuthz, type ExtAuthzPorts } from '../../ext_authz/index.ts';
import {
  APP,
  brokerOfNow,
  identityOf,
  issuer,
  type Kept,
  type Leaf,
  recorder,
  STATE,
  sourceOf,
} from '../../ext_authz/testing/world.ts';
import { createGrpcServer, type GrpcMethods } from '../../grpc/server.ts';
import { createSecretDiscovery } from '../../sds/sds.ts';
import { type EnvoyConfigInput, renderEnvoyConfig } from '../index.ts';
import { askRaw, type RawAnswer, type RawRequest } from './raw_request.ts';

/** What the application received. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface ProxiedApp {
  readonly port: number;
  /** Of every listener, by its name. */
  readonly ports: { readonly [listener: string]: number };
  readonly envoy: RunningEnvoy;
  readonly kept: readonly Kept[];
  readonly received: readonly Received[];
  readonly accessLog: string;
  /** `leaf`: the client's certificate. */
  ask(leaf: Leaf | ClientPem | undefined, request: RawRequest): Promise<RawAnswer>;
  /** Its sockets close; Envoy's secrets stay as they are. */
  stopAuthorizer(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClientPem {
  readonly key: string;
  readonly cert: string;
}

export interface ProxiedAppOptions {
  readonly flavour: 'grpc' | 'http';
  readonly input?: Partial<EnvoyConfigInput>;
  /** Changes the rendered configuration, as an operator who edits it might. */
  readonly edit?: (config: string) => string;
  readonly ports?: Partial<ExtAuthzPorts>;
  /** In the place of the agent's: an authorizer that was taken over. */
  readonly grpcMethods?: GrpcMethods;
}

export async function startProxiedApp(options: ProxiedAppOptions): Promise<ProxiedApp> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-authz-'));
  const received: Received[] = [];
  const app = createServer((request, response) => {
    const { rawHeaders: flat } = request;
    const headers = flat.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), flat[index + 1]!] as const] : [],
    );
    received.push({ method: request.method!, url: request.url!, headers });
    response.end('from the application');
  });
  const upgraded = new Set<Duplex>();
  app.on('upgrade', (_, socket) => {
    upgraded.add(socket);
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));

  const identity = identityOf(APP);
  // By the program that runs: this process, which calls the sockets too, is entitled to nothing.
  const source = sourceOf((selectors) =>
    selectors.some((selector) => /^unix:path:.*\/envoy$/.test(selector)) ? [identity] : [],
  );
  const attestor = createUnixAttestor({ needsDigest: () => false });
  const log = () => {};
  const { kept, record } = recorder();
  const extAuthz = createExtAuthz({
    broker: brokerOfNow(),
    state: () => STATE,
    source,
    attestor,
    record,
    log,
    ...options.ports,
  });
  const agentSocket = join(folder, 'agent.sock');
  const grpcSocket = join(folder, 'authz-grpc.sock');
  const httpSocket = join(folder, 'authz-http.sock');
  const secrets = createGrpcServer({ methods: createSecretDiscovery({ source, attestor, log }), log });
  await secrets.listen(agentSocket, 0o600);
  const grpc = createGrpcServer({ methods: options.grpcMethods ?? extAuthz.grpcMethods, log });
  await grpc.listen(grpcSocket, 0o600);
  const http = await extAuthz.listenHttp(httpSocket, 0o600);

  const accessLog = join(folder, 'access.log');
  const config = JSON.stringify(
    renderEnvoyConfig({
      service: 'app',
      trustDomain: 'demo.test',
      spiffeId: APP,
      listen: { address: '127.0.0.1', port: 0 },
      upstreamApp: { address: '127.0.0.1', port: (app.address() as AddressInfo).port },
      agentSocket,
      authz: options.flavour === 'grpc' ? { kind: 'grpc', socket: grpcSocket } : { kind: 'http', socket: httpSocket },
      accessLogPath: accessLog,
      ...options.input,
    }),
  );
  const edited = options.edit?.(config) ?? config;
  if (options.edit !== undefined && edited === config) throw new Error('the edit of the configuration changed nothing');
  const envoy = await startEnvoy({ name: 'app', config: JSON.parse(edited) as object });
  await envoy.waitReady();
  const ports = await envoy.ports();
  const port = ports['inbound']!;
  let isStopped = false;
  const stopAuthorizer = async () => {
    if (isStopped) return;
    isStopped = true;
    await Promise.all([grpc.close(), http.close()]);
  };
  return {
    port,
    ports,
    envoy,
    kept,
    received,
    accessLog,
    ask: (leaf, request) =>
      askRaw({ port, tls: leaf === undefined ? 'no-certificate' : 'cert' in leaf ? leaf : pemOf(leaf) }, request),
    stopAuthorizer,
    async stop() {
      await envoy.stop();
      await Promise.all([stopAuthorizer(), secrets.close()]);
      app.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
      await new Promise((resolve) => app.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function pemOf(leaf: Leaf): ClientPem {
  return {
    key: String(leaf.privateKey.export({ format: 'pem', type: 'pkcs8' })),
    cert: [leaf.certificate, issuer.certificate].map((der) => encodePem('CERTIFICATE', der)).join(''),
  };
}
