/**
 * The SPIFFE Workload API: X.509-SVIDs and bundles as streams that push on every change. JWT and WIT methods are not
 * registered, so they answer UNIMPLEMENTED.
 */
import type { Attestor } from '../attest/unix.ts';
import type { GrpcCall, GrpcMethod, StreamingCall } from '../grpc/server.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';
import type { IdentitySource, WorkloadIdentity } from '../identity_source.ts';
import { changesOf } from './changes.ts';
import { writeX509BundlesResponse, writeX509SvidResponse } from './messages.ts';

export interface WorkloadApiPorts {
  readonly source: IdentitySource;
  readonly attestor: Attestor;
}

export function createWorkloadApi(ports: WorkloadApiPorts): { readonly [path: string]: GrpcMethod } {
  const { source } = ports;

  /** Full state at once, then again whenever this caller's view of it changed (Workload API 4.3). */
  async function push(call: StreamingCall, render: (identities: readonly WorkloadIdentity[]) => Uint8Array): Promise<void> {
    checkSecurityHeader(call);
    let sent: Uint8Array | undefined;
    for await (const _ of changesOf(source, call.signal)) {
      // Attested anew each time: a process that ended or changed is entitled to nothing more (4.4).
      const identities = await identitiesOf(call, ports);
      const message = render(identities);
      if (sent === undefined || Buffer.compare(sent, message) !== 0) call.send(message);
      sent = message;
    }
  }

  return {
    '/SpiffeWorkloadAPI/FetchX509SVID': {
      kind: 'stream',
      handle: (call) => push(call, (identities) => writeX509SvidResponse(identities, source.trustDomain, source.bundles())),
    },
    '/SpiffeWorkloadAPI/FetchX509Bundles': {
      kind: 'stream',
      handle: (call) => push(call, () => writeX509BundlesResponse(source.bundles())),
    },
  };
}

/** Workload Endpoint 3: proves that the caller meant to call this endpoint, which a forged request from a browser cannot. */
function checkSecurityHeader(call: GrpcCall): void {
  if (call.metadata('workload.spiffe.io') !== 'true')
    throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'security header missing from request');
}

/** At least one, or the call ends with what the standard says (Workload Endpoint 6). */
export async function identitiesOf(call: GrpcCall, ports: WorkloadApiPorts): Promise<readonly WorkloadIdentity[]> {
  if (!ports.source.isReady()) throw new GrpcError(GRPC_STATUS.UNAVAILABLE, 'the agent has no identities yet');
  const selectors = await ports.attestor.attest(call.peer);
  const identities = selectors.ok ? ports.source.identitiesFor(selectors.value) : [];
  if (identities.length === 0) throw new GrpcError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
  return identities;
}
