/** The gRPC flavour of ext_authz: `envoy.service.auth.v3.Authorization/Check` (X1). */
import { type CallMetadata, type EnvoyCheckResponse, readGrpcCheck, renderGrpcAnswer } from '@postern/broker';
import type { GrpcCall, GrpcMethods } from '../grpc/method.ts';
import type { Log } from '../log.ts';
import type { DecisionObserver } from './decision_observer.ts';
import { readCheckRequest } from './read_check_request.ts';
import type { SettleCall } from './settle_call.ts';
import { writeCheckResponse } from './write_check_response.ts';

export const CHECK_METHOD = '/envoy.service.auth.v3.Authorization/Check';
const SERVICE_METADATA = 'x-postern-service';

/**
 * Headers are 60 KiB at most by Envoy's default; the rest is room for a body that a proxy sends although nobody asked.
 * A larger one ends with RESOURCE_EXHAUSTED, which Envoy takes for an error: denied too.
 */
const MAX_MESSAGE_BYTES = 1024 * 1024;

export function createGrpcCheck(ports: {
  readonly settle: SettleCall;
  readonly observer: Pick<DecisionObserver, 'failed'>;
  readonly log: Log;
}): GrpcMethods {
  async function check(message: Uint8Array, call: GrpcCall): Promise<Uint8Array> {
    try {
      const startMs = performance.now();
      const read = readCheckRequest(message);
      const request = read.ok ? readGrpcCheck(read.value, metadataOf(call)) : read;
      return writeCheckResponse(
        renderGrpcAnswer(await ports.settle({ protocol: 'grpc', peer: call.peer, startMs, request })),
      );
    } catch (fault) {
      ports.observer.failed('grpc');
      ports.log('error', 'ext-authz-fault', {
        flavour: 'grpc',
        error: fault instanceof Error ? fault.message : 'not an error',
      });
      return UNAVAILABLE;
    }
  }
  return { [CHECK_METHOD]: { kind: 'unary', maxMessageBytes: MAX_MESSAGE_BYTES, handle: check } };
}

/** Only what the filter's `initial_metadata` sets for us: out of the reach of the proxy's clients. */
function metadataOf(call: GrpcCall): CallMetadata {
  const service = call.metadata(SERVICE_METADATA);
  return service === undefined ? [] : [[SERVICE_METADATA, service]];
}

/**
 * What stands for a decision that could not be made or recorded. A denial and no `error_response`: where an operator lets
 * errors through (`failure_mode_allow`), whoever can provoke a fault would be let through with them.
 */
const NO_DECISION: EnvoyCheckResponse = {
  status: { code: 14, message: 'no decision' },
  denied_response: {
    status: { code: 503 },
    headers: [{ header: { key: 'retry-after', value: '1' }, append_action: 2 }],
    body: '',
  },
  dynamic_metadata: { decision_id: '', reason: 'no-decision', policies: [] },
};
const UNAVAILABLE = writeCheckResponse(NO_DECISION);
