/**
 * gRPC's health service (grpc.health.v1): what load balancers, Kubernetes' probes and Envoy's health checks ask. The empty
 * name is the agent as a whole.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { MessageReader } from '../protobuf/reader.ts';
import { MessageWriter } from '../protobuf/writer.ts';
import type { GrpcMethods, StreamingCall } from './method.ts';
import { GRPC_STATUS, GrpcError } from './status.ts';

const SERVICE = '/grpc.health.v1.Health';
const SERVING = 1;
const NOT_SERVING = 2;
/** Of `Watch` alone: the name may become one that is known. */
const SERVICE_UNKNOWN = 3;
const MAX_REQUEST_BYTES = 4096;
/** How late a watcher learns of a change. */
const POLL_MS = 500;

/** Service name → whether it serves at this moment. */
export type ServingOf = ReadonlyMap<string, () => boolean>;

export function createHealth(services: ServingOf): GrpcMethods {
  const statusOf = (name: string): number | undefined => {
    const isServing = services.get(name);
    return isServing && (isServing() ? SERVING : NOT_SERVING);
  };

  async function watch(call: StreamingCall): Promise<void> {
    const name = await readFirst(call);
    let told: number | undefined;
    while (!call.signal.aborted) {
      const status = statusOf(name) ?? SERVICE_UNKNOWN;
      if (status !== told) await call.send(writeStatus(status).finish());
      told = status;
      await pause(POLL_MS, undefined, { signal: call.signal }).catch(() => {});
    }
  }

  return {
    [`${SERVICE}/Check`]: {
      kind: 'unary',
      maxMessageBytes: MAX_REQUEST_BYTES,
      handle(message) {
        const status = statusOf(readService(message));
        if (status === undefined) throw new GrpcError(GRPC_STATUS.NOT_FOUND, 'unknown service');
        return writeStatus(status).finish();
      },
    },
    [`${SERVICE}/List`]: {
      kind: 'unary',
      maxMessageBytes: MAX_REQUEST_BYTES,
      handle() {
        const message = new MessageWriter();
        for (const [name, isServing] of services)
          message.message(
            1,
            new MessageWriter().text(1, name).message(2, writeStatus(isServing() ? SERVING : NOT_SERVING)),
          );
        return message.finish();
      },
    },
    [`${SERVICE}/Watch`]: { kind: 'stream', maxMessageBytes: MAX_REQUEST_BYTES, handle: watch },
  };
}

async function readFirst(call: StreamingCall): Promise<string> {
  for await (const message of call.messages()) return readService(message);
  throw new GrpcError(GRPC_STATUS.INTERNAL, 'one message is expected');
}

/** `HealthCheckRequest`; untrusted. */
function readService(message: Uint8Array): string {
  const reader = new MessageReader(message);
  let service = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) service = reader.text();
    else reader.skip();
  }
  return service;
}

const writeStatus = (status: number): MessageWriter => new MessageWriter().integer(1, status);
