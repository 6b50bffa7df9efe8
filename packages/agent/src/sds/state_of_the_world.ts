/** `StreamSecrets`: every response holds all secrets that the caller asked for. */
import { createHash } from 'node:crypto';
import type { StreamingCall } from '../grpc/method.ts';
import type { Log } from '../log.ts';
import { readDiscoveryRequest, writeDiscoveryResponse } from './messages.ts';
import type { Secret } from './secret.ts';
import { checkType, logRefusal, type SecretProtocol } from './secret_stream.ts';

export function createStateOfTheWorld(call: StreamingCall, log: Log): SecretProtocol {
  let names: ReadonlySet<string> = new Set();
  let sentVersion = '';
  let nonce = 0;

  return {
    take(message) {
      const request = readDiscoveryRequest(message);
      checkType(request.typeUrl);
      const isFirst = request.nonce === '';
      // An answer to an older response says nothing about the newest.
      if (!isFirst && request.nonce !== String(nonce)) return false;
      // Sent again it would be refused again: the next change is the next try.
      if (request.error !== '') logRefusal(call, log, request.error);
      const asked = new Set(request.resourceNames);
      const hasOthers = asked.size !== names.size || request.resourceNames.some((name) => !names.has(name));
      names = asked;
      return names.size > 0 && (isFirst || hasOthers);
    },
    names: () => names,
    respond(secrets, isAsked) {
      const version = versionOf(secrets);
      if (!isAsked && version === sentVersion) return undefined;
      sentVersion = version;
      nonce += 1;
      return writeDiscoveryResponse(version, String(nonce), secrets);
    },
  };
}

export function versionOf(secrets: readonly Secret[]): string {
  const hash = createHash('sha256');
  for (const { name, version } of secrets) hash.update(JSON.stringify([name, version]));
  return hash.digest('base64url');
}
