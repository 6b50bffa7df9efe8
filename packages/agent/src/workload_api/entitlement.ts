/** What the process at the other end of a call is entitled to, asked anew for every answer. */
import type { Attestor } from '../attest/unix.ts';
import type { GrpcCall } from '../grpc/method.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';
import type { IdentitySource, WorkloadIdentity } from '../identity_source.ts';
import type { Log } from '../log.ts';

export interface WorkloadApiPorts {
  readonly source: IdentitySource;
  readonly attestor: Attestor;
  /** Told of callers that get nothing, with what they are: an operator sees which entry is missing. */
  readonly log?: Log;
}

/**
 * At least one, or throws the `GrpcError` that the standard names (Workload Endpoint 6): UNAVAILABLE until the agent has
 * identities, PERMISSION_DENIED for a process that has none or is not what it was when it connected.
 */
export async function identitiesOf(call: GrpcCall, ports: WorkloadApiPorts): Promise<readonly WorkloadIdentity[]> {
  const { source, attestor, log } = ports;
  if (!source.isReady()) throw new GrpcError(GRPC_STATUS.UNAVAILABLE, 'the agent has no identities yet');
  const { pid, uid, gid } = call.peer;
  const selectors = await attestor.attest(call.peer);
  if (!selectors.ok) {
    log?.('warn', 'workload-not-attested', { pid, uid, gid, reason: selectors.reason, detail: selectors.detail });
    throw noIdentity();
  }
  const identities = source.identitiesFor(selectors.value);
  if (identities.length === 0) {
    log?.('info', 'workload-without-entry', { pid, uid, gid, selectors: selectors.value.join(' ') });
    throw noIdentity();
  }
  return identities;
}

const noIdentity = () => new GrpcError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
