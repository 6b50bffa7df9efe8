/**
 * The SPIFFE Workload API: X.509-SVIDs and bundles as streams that push on every change. JWT and WIT methods are not
 * registered, so they answer UNIMPLEMENTED.
 */
import type { GrpcCall, GrpcMethod, GrpcMethods, StreamingCall } from '../grpc/method.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';
import type { WorkloadIdentity } from '../identity_source.ts';
import { changesOf } from './changes.ts';
import { identitiesOf, type WorkloadApiPorts } from './entitlement.ts';
import { writeX509BundlesResponse, writeX509SvidResponse } from './messages.ts';

export { identitiesOf, type WorkloadApiPorts } from './entitlement.ts';

/** Requests of these methods have no fields. */
const MAX_REQUEST_BYTES = 4096;

export function createWorkloadApi(ports: WorkloadApiPorts): GrpcMethods {
  const { source } = ports;

  function stream(render: (identities: readonly WorkloadIdentity[]) => Uint8Array): GrpcMethod {
    return { kind: 'stream', maxMessageBytes: MAX_REQUEST_BYTES, handle: (call) => push(call, render) };
  }

  /** Full state at once, then again whenever this caller's view of it changed (Workload API 4.3). */
  async function push(call: StreamingCall, render: (held: readonly WorkloadIdentity[]) => Uint8Array): Promise<void> {
    checkSecurityHeader(call);
    let sent: Uint8Array | undefined;
    for await (const _ of changesOf(source, call.signal)) {
      // Attested anew each time: a process that ended or changed is entitled to nothing more (4.4).
      const message = render(await identitiesOf(call, ports));
      if (sent !== undefined && Buffer.compare(sent, message) === 0) continue;
      sent = message;
      await call.send(message);
    }
  }

  return {
    '/SpiffeWorkloadAPI/FetchX509SVID': stream((identities) =>
      writeX509SvidResponse(identities, source.trustDomain, source.bundles()),
    ),
    '/SpiffeWorkloadAPI/FetchX509Bundles': stream(() => writeX509BundlesResponse(source.bundles())),
  };
}

/** Workload Endpoint 3: proves that the caller meant to call this endpoint, which a forged request from a browser cannot. */
function checkSecurityHeader(call: GrpcCall): void {
  if (call.metadata('workload.spiffe.io') !== 'true')
    throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'security header missing from request');
}
