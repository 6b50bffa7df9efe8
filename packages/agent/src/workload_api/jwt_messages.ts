/** Messages of the Workload API's JWT half (standards/workloadapi.proto), read and written. */
import type { JwtSvid } from '@postern/spiffe';
import { MessageReader } from '../protobuf/reader.ts';
import { structOf } from '../protobuf/struct.ts';
import { MessageWriter } from '../protobuf/writer.ts';

export interface JwtSvidRequest {
  readonly audience: readonly string[];
  /** Empty: all of the caller's. */
  readonly spiffeId: string;
}

/** `JWTSVIDRequest`; untrusted, and only its form is checked. */
export function readJwtSvidRequest(message: Uint8Array): JwtSvidRequest {
  const reader = new MessageReader(message);
  const audience: string[] = [];
  let spiffeId = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) audience.push(reader.text());
    else if (field === 2) spiffeId = reader.text();
    else reader.skip();
  }
  return { audience, spiffeId };
}

/** `JWTSVIDResponse`. */
export function writeJwtSvidResponse(
  svids: readonly { readonly spiffeId: string; readonly token: string; readonly hint: string }[],
): Uint8Array {
  const message = new MessageWriter();
  for (const { spiffeId, token, hint } of svids)
    message.message(1, new MessageWriter().text(1, spiffeId).text(2, token).text(3, hint));
  return message.finish();
}

/** `JWTBundlesResponse`. `bundles`: trust domain name → JWK Set, JSON text. */
export function writeJwtBundlesResponse(bundles: ReadonlyMap<string, string>): Uint8Array {
  const message = new MessageWriter();
  for (const [trustDomain, jwks] of bundles)
    message.message(1, new MessageWriter().text(1, `spiffe://${trustDomain}`).bytes(2, Buffer.from(jwks)));
  return message.finish();
}

/** `ValidateJWTSVIDRequest`; untrusted, and only its form is checked. */
export function readValidateJwtSvidRequest(message: Uint8Array): { readonly audience: string; readonly token: string } {
  const reader = new MessageReader(message);
  let audience = '';
  let token = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) audience = reader.text();
    else if (field === 2) token = reader.text();
    else reader.skip();
  }
  return { audience, token };
}

/** `ValidateJWTSVIDResponse`, with all claims of the payload. Throws `StructTooDeep`. */
export function writeValidateJwtSvidResponse({ spiffeId, claims }: Pick<JwtSvid, 'spiffeId' | 'claims'>): Uint8Array {
  return new MessageWriter().text(1, spiffeId.uri).message(2, structOf(claims)).finish();
}
