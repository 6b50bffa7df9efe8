/**
 * One stream of an Envoy that asks for secrets, whichever form its requests have: what is asked for is answered, what
 * changed is pushed, what was refused is not sent again before it changed.
 */
import type { GrpcCall, StreamingCall } from '../grpc/method.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';
import type { Log } from '../log.ts';
import { changesOf } from '../workload_api/changes.ts';
import { identitiesOf, type WorkloadApiPorts } from '../workload_api/entitlement.ts';
import { createSecret, SECRET_TYPE, type Secret } from './secret.ts';

export type SecretDiscoveryPorts = WorkloadApiPorts & { readonly log: Log };

const MAX_LOGGED_CHARACTERS = 500;

/** How one form of the protocol reads requests and writes answers; it keeps what was sent. */
export interface SecretProtocol {
  /** Takes in one request; true when it must be answered even though nothing may have changed. */
  take(message: Uint8Array): boolean;
  /** What the caller wants now. */
  names(): Iterable<string>;
  /** The response that brings the caller up to date; undefined when it is. */
  respond(secrets: readonly Secret[], isAsked: boolean): Uint8Array | undefined;
}

export async function serveSecrets(
  call: StreamingCall,
  ports: SecretDiscoveryPorts,
  protocol: SecretProtocol,
): Promise<void> {
  async function answer(isAsked: boolean): Promise<void> {
    const names = [...protocol.names()];
    if (names.length === 0) return;
    const secrets = await secretsOf(names, call, ports);
    const response = protocol.respond(secrets, isAsked);
    if (response !== undefined) await call.send(response);
  }

  async function pushChanges(): Promise<void> {
    for await (const _ of changesOf(ports.source, call.signal)) await answer(false);
  }

  async function takeRequests(): Promise<void> {
    for await (const message of call.messages()) if (protocol.take(message)) await answer(true);
  }

  // Envoy closes its side only when it is done; a fault while pushing ends the stream while it waits for requests.
  await Promise.race([pushChanges(), takeRequests()]);
}

/**
 * The secrets of those names that are the caller's. Nothing at all of what it asked for is PERMISSION_DENIED: Envoy logs
 * it, keeps what it has until that expires, and comes again.
 */
export async function secretsOf(
  names: readonly string[],
  call: GrpcCall,
  ports: SecretDiscoveryPorts,
): Promise<readonly Secret[]> {
  const identities = await identitiesOf(call, ports);
  const secrets: Secret[] = [];
  for (const name of names) {
    const secret = createSecret(name, identities, ports.source);
    if (secret !== undefined) secrets.push(secret);
    else ports.log('warn', 'secret-not-entitled', { pid: call.peer.pid, name: bounded(name) });
  }
  if (secrets.length === 0 && names.length > 0)
    throw new GrpcError(GRPC_STATUS.PERMISSION_DENIED, 'none of these secrets is for this caller');
  return secrets;
}

export function checkType(typeUrl: string): void {
  if (typeUrl !== '' && typeUrl !== SECRET_TYPE)
    throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'only secrets are served');
}

/** `error`: Envoy's own words. */
export function logRefusal(call: GrpcCall, log: Log, error: string): void {
  log('error', 'secret-refused-by-proxy', { pid: call.peer.pid, error: bounded(error) });
}

const bounded = (text: string) => text.slice(0, MAX_LOGGED_CHARACTERS);
