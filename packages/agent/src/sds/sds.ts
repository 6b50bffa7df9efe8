/**
 * Envoy's secret discovery service, state of the world: an Envoy gets the SVIDs that its own process is entitled to, and
 * each rotation is pushed without a connection being dropped. The caller is attested as on the Workload API.
 */
import { createHash } from 'node:crypto';
import type { GrpcMethod, StreamingCall } from '../grpc/server.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';
import type { WorkloadIdentity } from '../identity_source.ts';
import type { Log } from '../log.ts';
import { changesOf } from '../workload_api/changes.ts';
import { identitiesOf, type WorkloadApiPorts } from '../workload_api/workload_api.ts';
import {
  type DiscoveryRequest,
  readDiscoveryRequest,
  SECRET_TYPE,
  writeCertificateSecret,
  writeDiscoveryResponse,
  writeSpiffeValidationSecret,
  writeValidationSecret,
} from './messages.ts';

/** No proxy of ours asks for more at once. */
const MAX_RESOURCE_NAMES = 100;

export function createSecretDiscovery(ports: WorkloadApiPorts & { readonly log: Log }): { readonly [path: string]: GrpcMethod } {
  return {
    '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets': {
      kind: 'stream',
      handle: (call) => new SecretStream(ports, call).serve(),
    },
  };
}

class SecretStream {
  readonly #ports: WorkloadApiPorts & { readonly log: Log };
  readonly #call: StreamingCall;
  #names: readonly string[] = [];
  #sentVersion = '';
  #nonce = 0;

  constructor(ports: WorkloadApiPorts & { readonly log: Log }, call: StreamingCall) {
    this.#ports = ports;
    this.#call = call;
  }

  async serve(): Promise<void> {
    const pushing = this.#pushChanges();
    // A fault while pushing ends the stream, also while it waits for the next request.
    await Promise.race([pushing, this.#takeRequests()]);
  }

  async #pushChanges(): Promise<void> {
    for await (const _ of changesOf(this.#ports.source, this.#call.signal)) {
      if (this.#names.length > 0) await this.#push(false);
    }
  }

  async #takeRequests(): Promise<void> {
    for await (const message of this.#call.messages()) await this.#take(readDiscoveryRequest(message));
  }

  async #take(request: DiscoveryRequest): Promise<void> {
    if (request.typeUrl !== '' && request.typeUrl !== SECRET_TYPE) throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'only secrets are served');
    if (request.resourceNames.length > MAX_RESOURCE_NAMES) throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'too many names');
    // An answer to an older response says nothing about the newest.
    if (request.nonce !== '' && request.nonce !== String(this.#nonce)) return;
    if (request.error !== '') {
      // Sent again it would be refused again: the next change is the next try.
      this.#ports.log('error', 'secret-refused-by-proxy', { error: request.error.slice(0, 500) });
      return;
    }
    const isNew = request.nonce === '' || !sameNames(request.resourceNames, this.#names);
    this.#names = request.resourceNames;
    if (isNew) await this.#push(true);
  }

  async #push(isAsked: boolean): Promise<void> {
    const identities = await identitiesOf(this.#call, this.#ports);
    const secrets = this.#names.flatMap((name) => this.#secret(name, identities));
    const version = createHash('sha256').update(Buffer.concat(secrets)).digest('base64url');
    if (!isAsked && version === this.#sentVersion) return;
    this.#sentVersion = version;
    this.#nonce += 1;
    this.#call.send(writeDiscoveryResponse(version, String(this.#nonce), secrets));
  }

  /** Nothing for a name that this caller is not entitled to: Envoy waits, and serves nobody meanwhile. */
  #secret(name: string, identities: readonly WorkloadIdentity[]): readonly Uint8Array[] {
    const { source } = this.#ports;
    if (name === 'ALL') return [writeSpiffeValidationSecret(name, source.bundles())];
    const trustDomain = name === 'ROOTCA' ? source.trustDomain : name.replace(/^spiffe:\/\//, '');
    const authorities = source.bundles().get(trustDomain);
    if (authorities !== undefined) return [writeValidationSecret(name, authorities)];
    const identity = name === 'default' ? identities[0] : identities.find(({ spiffeId }) => spiffeId === name);
    return identity === undefined ? [] : [writeCertificateSecret(name, identity)];
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
