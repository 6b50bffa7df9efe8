/** A method that tells its caller the full state at once, and again whenever this caller's view of it changed (4.3). */
import type { GrpcCall, GrpcMethod, StreamingCall } from '../grpc/method.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';
import type { WorkloadIdentity } from '../identity_source.ts';
import { changesOf } from './changes.ts';
import { identitiesOf, type WorkloadApiPorts } from './entitlement.ts';

/** Requests of these methods have no fields. */
const MAX_REQUEST_BYTES = 4096;

export function pushing(
  ports: WorkloadApiPorts,
  render: (identities: readonly WorkloadIdentity[]) => Uint8Array,
): GrpcMethod {
  async function push(call: StreamingCall): Promise<void> {
    checkSecurityHeader(call);
    let sent: Uint8Array | undefined;
    for await (const _ of changesOf(ports.source, call.signal)) {
      // Attested anew each time: a process that ended or changed is entitled to nothing more (4.4).
      const message = render(await identitiesOf(call, ports));
      if (sent !== undefined && Buffer.compare(sent, message) === 0) continue;
      sent = message;
      await call.send(message);
    }
  }
  return { kind: 'stream', maxMessageBytes: MAX_REQUEST_BYTES, handle: push };
}

/** Workload Endpoint 3: proves that the caller meant to call this endpoint, which a forged request from a browser cannot. */
export function checkSecurityHeader(call: GrpcCall): void {
  if (call.metadata('workload.spiffe.io') !== 'true')
    throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'security header missing from request');
}
