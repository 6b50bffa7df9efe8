/** The SPIFFE Workload API's X.509 half: SVIDs and bundles as streams that push on every change. */
import type { GrpcMethods } from '../grpc/method.ts';
import type { WorkloadApiPorts } from './entitlement.ts';
import { writeX509BundlesResponse, writeX509SvidResponse } from './messages.ts';
import { pushing } from './push.ts';

export { identitiesOf, type WorkloadApiPorts } from './entitlement.ts';

/** The WIT methods are registered nowhere, so they answer UNIMPLEMENTED (Workload API 7). */
export function createWorkloadApi(ports: WorkloadApiPorts): GrpcMethods {
  const { source } = ports;
  return {
    '/SpiffeWorkloadAPI/FetchX509SVID': pushing(ports, (identities) =>
      writeX509SvidResponse(identities, source.trustDomain, source.bundles(identities)),
    ),
    '/SpiffeWorkloadAPI/FetchX509Bundles': pushing(ports, (identities) =>
      writeX509BundlesResponse(source.bundles(identities)),
    ),
  };
}
