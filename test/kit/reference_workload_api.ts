import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { withPathAuthority } from '@postern/agent/testing';
import type { OpensslSvid } from './openssl_svids.ts';

export type WorkloadApiContent = { svids: readonly OpensslSvid[]; bundleDer: Buffer; trustDomain: string };

export type ReferenceWorkloadApi = {
  /** Sends new content on every open stream, as a rotation does. */
  update: (content: WorkloadApiContent) => void;
  stop: () => void;
};

type Stream = ServerWritableStream<unknown, unknown>;

/**
 * A Workload API made of grpc-js and OpenSSL's certificates alone. It calibrates the peers: what they accept here and
 * refuse from our agent is the agent's fault, and what they refuse here they would refuse anywhere.
 */
export async function startReferenceWorkloadApi(
  socketPath: string,
  initial: WorkloadApiContent,
): Promise<ReferenceWorkloadApi> {
  const definition = loadSync(join(import.meta.dirname, 'workload_api.proto'), { keepCase: true });
  const api = (loadPackageDefinition(definition) as GrpcObject)['SpiffeWorkloadAPI'] as ServiceClientConstructor;
  const open = new Map<Stream, (content: WorkloadApiContent) => unknown>();
  let current = initial;
  const follow = (render: (content: WorkloadApiContent) => unknown) => (stream: Stream) => {
    if (stream.metadata.get('workload.spiffe.io')[0] !== 'true') {
      stream.destroy(Object.assign(new Error('security header missing'), { code: status.INVALID_ARGUMENT }));
      return;
    }
    open.set(stream, render);
    stream.on('close', () => open.delete(stream));
    stream.on('cancelled', () => open.delete(stream));
    stream.write(render(current));
  };
  const server = new Server();
  server.addService(api.service, {
    FetchX509SVID: follow(renderSvids),
    FetchX509Bundles: follow(({ trustDomain, bundleDer }) => ({ bundles: { [`spiffe://${trustDomain}`]: bundleDer } })),
    FetchJWTBundles: follow(({ trustDomain }) => ({
      bundles: { [`spiffe://${trustDomain}`]: Buffer.from('{"keys":[]}') },
    })),
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  // grpc-js refuses what grpc-java says of a socket, as our agent would; that is not what the peers are judged by.
  const listener = createServer((socket) => injector.injectConnection(withPathAuthority(socket)));
  await new Promise<void>((resolve, reject) => listener.once('error', reject).listen(socketPath, resolve));
  return {
    update: (content) => {
      current = content;
      for (const [stream, render] of open) stream.write(render(content));
    },
    stop: () => {
      listener.close();
      server.forceShutdown();
    },
  };
}

function renderSvids({ svids, bundleDer }: WorkloadApiContent): unknown {
  return {
    svids: svids.map(({ spiffeId, chainDer, keyDer }) => ({
      spiffe_id: spiffeId,
      x509_svid: chainDer,
      x509_svid_key: keyDer,
      bundle: bundleDer,
    })),
  };
}
