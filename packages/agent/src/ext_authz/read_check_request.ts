/**
 * `envoy.service.auth.v3.CheckRequest`, read from the wire: the fields a decision uses, and nothing of the others. What
 * is sent twice follows proto3: messages merge, scalars take the last value, and a oneof takes its last member.
 */
import type { EnvoyCheckRequest, EnvoyPeer } from '@postern/broker';
import { accept, type Result, refuse } from '@postern/result';
import { MalformedMessage, MessageReader } from '../protobuf/reader.ts';

/** Envoy has 100 header lines and a few extensions; millions of tiny entries would fill the memory before a rule saw them. */
export const MAX_ENTRIES = 1000;

export type CheckMessageReason = 'request-malformed' | 'request-too-large';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Attributes = NonNullable<EnvoyCheckRequest['attributes']>;
type Address = NonNullable<EnvoyPeer['address']>;
type SocketAddress = NonNullable<Address['socket_address']>;
type Http = NonNullable<NonNullable<Attributes['request']>['http']>;
type RawHeader = NonNullable<NonNullable<Http['header_map']>['headers']>[number];

/**
 * `bytes`: untrusted; one whole message. Texts point into nothing, `raw_value`s into `bytes`. Refused:
 * `request-malformed` (not a well-formed message, or a text that is not UTF-8), `request-too-large` (a list of more than
 * `MAX_ENTRIES`).
 */
export function readCheckRequest(bytes: Uint8Array): Result<EnvoyCheckRequest, CheckMessageReason> {
  try {
    const request: Mutable<EnvoyCheckRequest> = {};
    const reader = new MessageReader(bytes);
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) request.attributes = readAttributes(reader.message(), request.attributes);
      else reader.skip();
    }
    return accept(request);
  } catch (fault) {
    if (fault instanceof TooManyEntries) return refuse('request-too-large', 'entries');
    if (fault instanceof MalformedMessage) return refuse('request-malformed', fault.message);
    throw fault;
  }
}

class TooManyEntries extends Error {
  override readonly name = 'TooManyEntries';
}

function readAttributes(reader: MessageReader, before: Attributes = {}): Attributes {
  const attributes: Mutable<Attributes> = { ...before };
  const extensions = [...(before.context_extensions ?? [])];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) attributes.source = readPeer(reader.message(), attributes.source);
    else if (field === 2) attributes.destination = readPeer(reader.message(), attributes.destination);
    else if (field === 4) attributes.request = readRequest(reader.message(), attributes.request);
    else if (field === 10) append(extensions, reader.textEntry());
    else if (field === 12) attributes.tls_session = readTlsSession(reader.message(), attributes.tls_session);
    else reader.skip();
  }
  if (extensions.length > 0) attributes.context_extensions = extensions;
  return attributes;
}

function readPeer(reader: MessageReader, before: EnvoyPeer = {}): EnvoyPeer {
  const peer: Mutable<EnvoyPeer> = { ...before };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) peer.address = readAddress(reader.message(), peer.address);
    else if (field === 4) peer.principal = reader.text();
    else if (field === 5) peer.certificate = reader.text();
    else reader.skip();
  }
  return peer;
}

/** A oneof: whatever is named last is the address. */
function readAddress(reader: MessageReader, before: Address = {}): Address {
  let address = before;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) address = { socket_address: readSocketAddress(reader.message(), address.socket_address) };
    else if (field === 2) address = { pipe: readPipe(reader.message(), address.pipe) };
    else if (field === 3) {
      reader.message();
      address = {};
    } else reader.skip();
  }
  return address;
}

function readSocketAddress(reader: MessageReader, before: SocketAddress = {}): SocketAddress {
  const address: Mutable<SocketAddress> = { ...before };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) address.address = reader.text();
    else if (field === 3) address.port_value = reader.integer();
    else reader.skip();
  }
  return address;
}

function readPipe(reader: MessageReader, before: { readonly path?: string } = {}): { readonly path?: string } {
  let pipe = before;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) pipe = { path: reader.text() };
    else reader.skip();
  }
  return pipe;
}

function readTlsSession(reader: MessageReader, before: { readonly sni?: string } = {}): { readonly sni?: string } {
  let session = before;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) session = { sni: reader.text() };
    else reader.skip();
  }
  return session;
}

function readRequest(reader: MessageReader, before: { readonly http?: Http } = {}): { readonly http?: Http } {
  let request = before;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) request = { http: readHttp(reader.message(), request.http) };
    else reader.skip();
  }
  return request;
}

/** The body is never asked for; where a proxy sends it all the same, it is passed over. */
function readHttp(reader: MessageReader, before: Http = {}): Http {
  const http: Mutable<Http> = { ...before };
  const headers = [...(before.headers ?? [])];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) http.id = reader.text();
    else if (field === 2) http.method = reader.text();
    else if (field === 3) append(headers, reader.textEntry());
    else if (field === 4) http.path = reader.text();
    else if (field === 5) http.host = reader.text();
    else if (field === 6) http.scheme = reader.text();
    else if (field === 13) http.header_map = readHeaderMap(reader.message(), http.header_map?.headers);
    else reader.skip();
  }
  if (headers.length > 0) http.headers = headers;
  return http;
}

function readHeaderMap(reader: MessageReader, before: readonly RawHeader[] = []): { headers: readonly RawHeader[] } {
  const headers = [...before];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) append(headers, readRawHeader(reader.message()));
    else reader.skip();
  }
  return { headers };
}

function readRawHeader(reader: MessageReader): RawHeader {
  const header: Mutable<RawHeader> = {};
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) header.key = reader.text();
    else if (field === 2) header.value = reader.text();
    else if (field === 3) header.raw_value = reader.bytes();
    else reader.skip();
  }
  return header;
}

function append<T>(list: T[], entry: T): void {
  if (list.length >= MAX_ENTRIES) throw new TooManyEntries('entries');
  list.push(entry);
}
