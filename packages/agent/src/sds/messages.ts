/** Envoy's discovery protocol (envoy.service.discovery.v3): state of the world, and only the changes (delta). */
import { MalformedMessage, MessageReader } from '../protobuf/reader.ts';
import { MessageWriter } from '../protobuf/writer.ts';
import { SECRET_TYPE, type Secret } from './secret.ts';

/** No proxy of ours asks for more at once; a name is two bytes on the wire and an object in memory. */
const MAX_RESOURCE_NAMES = 100;

export interface DiscoveryRequest {
  readonly version: string;
  /** Without repetitions. */
  readonly resourceNames: readonly string[];
  readonly typeUrl: string;
  readonly nonce: string;
  /** Why Envoy refused the response before; empty when it did not. */
  readonly error: string;
}

export interface DeltaDiscoveryRequest {
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What the caller still holds from a stream before: resource name → version. */
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  readonly error: string;
}

/** `bytes`: untrusted. Throws `MalformedMessage`. The node that Envoy describes in it is not believed, so not read. */
export function readDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  const reader = new MessageReader(bytes);
  const names = new Set<string>();
  const request = { version: '', typeUrl: '', nonce: '', error: '' };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) request.version = reader.text();
    else if (field === 3) addName(names, reader.text());
    else if (field === 4) request.typeUrl = reader.text();
    else if (field === 5) request.nonce = reader.text();
    else if (field === 6) request.error = readStatusMessage(reader.message());
    else reader.skip();
  }
  return { ...request, resourceNames: [...names] };
}

/** As above. */
export function readDeltaDiscoveryRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  const reader = new MessageReader(bytes);
  const subscribe = new Set<string>();
  const unsubscribe = new Set<string>();
  const initialVersions = new Map<string, string>();
  const request = { typeUrl: '', nonce: '', error: '' };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) request.typeUrl = reader.text();
    else if (field === 3) addName(subscribe, reader.text());
    else if (field === 4) addName(unsubscribe, reader.text());
    else if (field === 5) {
      const [name, version] = reader.textEntry();
      if (initialVersions.size >= MAX_RESOURCE_NAMES) throw new MalformedMessage('too many names');
      initialVersions.set(name, version);
    } else if (field === 6) request.nonce = reader.text();
    else if (field === 7) request.error = readStatusMessage(reader.message());
    else reader.skip();
  }
  return { ...request, subscribe: [...subscribe], unsubscribe: [...unsubscribe], initialVersions };
}

function addName(names: Set<string>, name: string): void {
  if (names.size >= MAX_RESOURCE_NAMES) throw new MalformedMessage('too many names');
  names.add(name);
}

/** google.rpc.Status: that it is there says that something was wrong. */
function readStatusMessage(reader: MessageReader): string {
  let message = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) message = reader.text();
    else reader.skip();
  }
  return message || 'no reason given';
}

export function writeDiscoveryResponse(version: string, nonce: string, secrets: readonly Secret[]): Uint8Array {
  const message = new MessageWriter().text(1, version);
  for (const secret of secrets) message.message(2, anySecret(secret));
  return message.text(4, SECRET_TYPE).text(5, nonce).finish();
}

export function writeDeltaDiscoveryResponse(
  nonce: string,
  secrets: readonly Secret[],
  removed: readonly string[],
): Uint8Array {
  const message = new MessageWriter();
  for (const secret of secrets) {
    const resource = new MessageWriter().text(1, secret.version).message(2, anySecret(secret)).text(3, secret.name);
    message.message(2, resource);
  }
  message.text(4, SECRET_TYPE).text(5, nonce);
  for (const name of removed) message.text(6, name);
  return message.finish();
}

const anySecret = (secret: Secret) => new MessageWriter().text(1, SECRET_TYPE).bytes(2, secret.message);
