/** Decisions beside the proxy: Envoy's ext_authz in both flavours over one decision path. */
import { createRefusalLedger } from '@postern/audit';
import type { Attestor } from '../attest/unix.ts';
import type { GrpcMethods } from '../grpc/method.ts';
import type { Log } from '../log.ts';
import { createCallerIdentities } from './caller_identities.ts';
import { unobserved } from './decision_observer.ts';
import { createGrpcCheck } from './grpc_check_server.ts';
import { type HttpCheckListener, listenHttpCheck } from './http_check_server.ts';
import { createSettleCall, type SettlePorts } from './settle_call.ts';

export interface ExtAuthzPorts extends SettlePorts {
  readonly attestor: Attestor;
  readonly log: Log;
}

export interface ExtAuthz {
  /** For a `createGrpcServer` on a Unix socket. */
  readonly grpcMethods: GrpcMethods;
  /** Serves the HTTP flavour on a Unix socket. `mode`: of the socket file; who asks is told by peer credentials. */
  listenHttp(path: string, mode: number): Promise<HttpCheckListener>;
  /** Records the refusals that were only counted so far; before the producer closes. */
  flush(): Promise<void>;
}

/**
 * An enforcement point is believed for what its process is: peer credentials → selectors → SPIFFE IDs → the service's
 * `enforcementPoints`. Whatever fails on the way is an explicit denial.
 */
export function createExtAuthz(ports: ExtAuthzPorts): ExtAuthz {
  const { log, observer = unobserved } = ports;
  const refusals = createRefusalLedger({
    append: (body) => ports.record(body),
    onFault: (fault) => log('error', 'refusals-not-recorded', { error: (fault as Error).message }),
  });
  const settle = createSettleCall(ports, createCallerIdentities(ports), refusals);
  return {
    flush: refusals.flush,
    grpcMethods: createGrpcCheck({ settle, observer, log }),
    listenHttp: (path, mode) => listenHttpCheck({ settle, observer, log }, path, mode),
  };
}
