/**
 * Envoy's secret discovery service: an Envoy gets the SVIDs that its own process is entitled to, and each rotation is
 * pushed without a connection being dropped. The caller is attested as on the Workload API, anew for every answer; Envoy
 * cannot send that API's security header, so none is asked for.
 */
import type { GrpcMethods } from '../grpc/method.ts';
import { createDelta } from './delta.ts';
import { readDiscoveryRequest, writeDiscoveryResponse } from './messages.ts';
import { checkType, type SecretDiscoveryPorts, secretsOf, serveSecrets } from './secret_stream.ts';
import { createStateOfTheWorld, versionOf } from './state_of_the_world.ts';

const SERVICE = '/envoy.service.secret.v3.SecretDiscoveryService';
/** Envoy's first request describes the node with all its extensions: some 60 KiB. */
const MAX_REQUEST_BYTES = 1024 * 1024;

export function createSecretDiscovery(ports: SecretDiscoveryPorts): GrpcMethods {
  return {
    [`${SERVICE}/StreamSecrets`]: {
      kind: 'stream',
      maxMessageBytes: MAX_REQUEST_BYTES,
      handle: (call) => serveSecrets(call, ports, createStateOfTheWorld(call, ports.log)),
    },
    [`${SERVICE}/DeltaSecrets`]: {
      kind: 'stream',
      maxMessageBytes: MAX_REQUEST_BYTES,
      handle: (call) => serveSecrets(call, ports, createDelta(call, ports.log)),
    },
    [`${SERVICE}/FetchSecrets`]: {
      kind: 'unary',
      maxMessageBytes: MAX_REQUEST_BYTES,
      async handle(message, call) {
        const request = readDiscoveryRequest(message);
        checkType(request.typeUrl);
        const secrets = await secretsOf(request.resourceNames, call, ports);
        return writeDiscoveryResponse(versionOf(secrets), '', secrets);
      },
    },
  };
}
