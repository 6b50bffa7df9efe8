/** `DeltaSecrets`: a response holds what changed since the caller last heard of it. */
import type { StreamingCall } from '../grpc/method.ts';
import type { Log } from '../log.ts';
import { readDeltaDiscoveryRequest, writeDeltaDiscoveryResponse } from './messages.ts';
import { checkType, logRefusal, type SecretProtocol } from './secret_stream.ts';

export function createDelta(call: StreamingCall, log: Log): SecretProtocol {
  /** Name → version that the caller has, undefined when it has none. */
  const held = new Map<string, string | undefined>();
  let isFirst = true;
  let nonce = 0;

  return {
    take(message) {
      const request = readDeltaDiscoveryRequest(message);
      checkType(request.typeUrl);
      if (request.error !== '') logRefusal(call, log, request.error);
      for (const name of request.unsubscribe) held.delete(name);
      // A name asked for once more is to be sent once more, unless a new stream says which version it still holds.
      for (const name of request.subscribe) held.set(name, isFirst ? request.initialVersions.get(name) : undefined);
      isFirst = false;
      return request.subscribe.length > 0;
    },
    names: () => held.keys(),
    respond(secrets) {
      const changed = secrets.filter(({ name, version }) => held.get(name) !== version);
      const present = new Set(secrets.map(({ name }) => name));
      const removed = [...held].filter(([name, version]) => version !== undefined && !present.has(name));
      if (changed.length === 0 && removed.length === 0) return undefined;
      for (const [name] of removed) held.set(name, undefined);
      for (const { name, version } of changed) held.set(name, version);
      nonce += 1;
      const removedNames = removed.map(([name]) => name);
      return writeDeltaDiscoveryResponse(String(nonce), changed, removedNames);
    },
  };
}
