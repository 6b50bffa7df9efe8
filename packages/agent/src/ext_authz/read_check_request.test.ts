/** The hand-made decoder against Envoy's published protos, and against what no proxy would send. */
import type { EnvoyCheckRequest, EnvoyPeer } from '@postern/broker';
import { readGrpcCheck } from '@postern/broker';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ENTRIES, readCheckRequest } from './read_check_request.ts';
import { loadPublishedTypes } from './testing/published_protos.ts';

const RUNS = process.env['POSTERN_LONG'] === '1' ? 5_000 : 300;
const { request: published } = loadPublishedTypes();
const encode = (fields: object): Uint8Array => published.encode(published.fromObject(fields)).finish();

const text = fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.toWellFormed());
const name = fc.stringMatching(/^[a-z:-]{1,8}$/);
const bytes = fc.uint8Array({ maxLength: 12 });
const optional = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] });

const address = fc.oneof(
  fc.record({ socket_address: optional({ address: text, port_value: fc.nat(65_535), ipv4_compat: fc.boolean() }) }),
  fc.record({ pipe: optional({ path: text, mode: fc.nat(511) }) }),
  fc.record({ envoy_internal_address: optional({ server_listener_name: text }) }),
);
const peer = optional({
  address,
  service: text,
  labels: fc.dictionary(name, text),
  principal: text,
  certificate: text,
});
const http = optional({
  id: text,
  method: text,
  headers: fc.dictionary(name, text, { maxKeys: 4 }),
  header_map: optional({ headers: fc.array(optional({ key: text, value: text, raw_value: bytes }), { maxLength: 4 }) }),
  path: text,
  host: text,
  scheme: text,
  query: text,
  size: fc.integer(),
  protocol: text,
  body: text,
  raw_body: bytes,
});
const message = optional({
  attributes: optional({
    source: peer,
    destination: peer,
    request: optional({ time: optional({ seconds: fc.nat(), nanos: fc.nat() }), http }),
    context_extensions: fc.dictionary(name, text, { maxKeys: 4 }),
    metadata_context: fc.constant({ filter_metadata: { jwt: { fields: { sub: { string_value: 'x' } } } } }),
    tls_session: optional({ sni: text }),
  }),
});

describe('readCheckRequest', () => {
  it('reads what the published protos say, however often parts of it were sent', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), (parts) => {
        const wire = Buffer.concat(parts.map(encode));
        const read = readCheckRequest(wire);
        expect(read.ok && plain(read.value)).toEqual(plain(published.toObject(published.decode(wire))));
      }),
      { numRuns: RUNS },
    );
  });

  it('refuses, and never throws, whatever bytes come', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(message, flips, fc.nat(), (fields, changes, cut) => {
        const wire = Buffer.from(encode(fields));
        for (const [at, octet] of changes) if (wire.length > 0) wire[at % wire.length] = octet;
        const read = readCheckRequest(wire.subarray(0, wire.length - (cut % 3)));
        if (!read.ok) expect(read.reason).toBe('request-malformed');
      }),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (wire) => {
        expect(readCheckRequest(wire)).toHaveProperty('ok');
      }),
      { numRuns: RUNS },
    );
  });

  it('does not lose a header that was sent twice, which a map would', () => {
    const once = encode({ attributes: { request: { http: { headers: { authorization: 'Bearer one' } } } } });
    const twice = encode({ attributes: { request: { http: { headers: { authorization: 'Bearer two' } } } } });
    const read = readCheckRequest(Buffer.concat([once, twice]));
    expect(read.ok && read.value.attributes?.request?.http?.headers).toEqual([
      ['authorization', 'Bearer one'],
      ['authorization', 'Bearer two'],
    ]);
  });

  it('keeps `__proto__` a header like any other', () => {
    // Written by hand: no object can hold this key.
    const entry = Buffer.from('\x1a\x0e\x0a\x09__proto__\x12\x01x', 'latin1');
    const wrap = (field: number, inner: Buffer) => Buffer.concat([Buffer.from([field * 8 + 2, inner.length]), inner]);
    const read = readCheckRequest(wrap(1, wrap(4, wrap(2, entry))));
    expect(read.ok && read.value.attributes?.request?.http?.headers).toEqual([['__proto__', 'x']]);
  });

  it('does not fill the memory with entries before any rule could refuse them', () => {
    const header = { key: 'a', value: 'b' };
    const flood = (count: number) =>
      encode({
        attributes: { request: { http: { header_map: { headers: Array.from({ length: count }, () => header) } } } },
      });
    expect(readCheckRequest(flood(MAX_ENTRIES)).ok).toBe(true);
    expect(readCheckRequest(flood(MAX_ENTRIES + 1))).toMatchObject({ reason: 'request-too-large' });
    const half = flood(MAX_ENTRIES / 2 + 1);
    expect(readCheckRequest(Buffer.concat([half, half]))).toMatchObject({ reason: 'request-too-large' });
  });

  it('refuses a text that is not UTF-8 instead of replacing what it cannot read', () => {
    const wire = Buffer.from(encode({ attributes: { request: { http: { path: '/~~' } } } }));
    wire.fill(0xff, wire.indexOf('~~'));
    expect(readCheckRequest(wire)).toMatchObject({ reason: 'request-malformed' });
  });

  it('takes an empty message for a call without attributes, which the reader above refuses', () => {
    const read = readCheckRequest(new Uint8Array());
    expect(read).toEqual({ ok: true, value: {} });
    expect(readGrpcCheck({}, [])).toMatchObject({ reason: 'request-malformed' });
  });
});

type Plain = { [field: string]: unknown };

/** Both sides' values in one form: without what nobody reads, maps as sorted entries, bytes as hex. */
function plain(value: EnvoyCheckRequest | Plain): Plain {
  const { attributes } = value as EnvoyCheckRequest;
  if (attributes === undefined) return {};
  const { source, destination, request, context_extensions: extensions, tls_session: tls } = attributes;
  const { http } = request ?? {};
  return present({
    source: source && plainPeer(source),
    destination: destination && plainPeer(destination),
    request: request && present({ http: http && plainHttp(http) }),
    extensions: entries(extensions),
    tls: tls && present({ sni: tls.sni }),
  });
}

type Http = NonNullable<NonNullable<NonNullable<EnvoyCheckRequest['attributes']>['request']>['http']>;

function plainHttp({ id, method, path, host, scheme, headers, header_map }: Http): Plain {
  const raw = header_map?.headers?.map(({ key, value, raw_value }) =>
    present({ key, value, raw: raw_value && Buffer.from(raw_value).toString('hex') }),
  );
  return present({ id, method, path, host, scheme, headers: entries(headers), raw: raw?.length ? raw : undefined });
}

function plainPeer({ address, principal, certificate }: EnvoyPeer): Plain {
  const { socket_address: socket, pipe } = address ?? {};
  return present({
    principal,
    certificate,
    socket: socket && present({ address: socket.address, port: socket.port_value }),
    pipe: pipe && present({ path: pipe.path }),
  });
}

function entries(map: object | undefined): unknown {
  const found = Array.isArray(map) ? [...new Map(map as [string, string][])] : Object.entries(map ?? {});
  return found.length === 0 ? undefined : found.sort(([a], [b]) => (a < b ? -1 : 1));
}

const present = (fields: Plain): Plain =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
