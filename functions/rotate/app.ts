/** The door of `rotate`: other functions of this deployment have keys certified here. Nobody else gets in. */
import { PATHS } from '@postern/api';
import { isCanonicalSpki, isPublicSigningKey, jwkFromSpki, spkiFromJwk } from '@postern/keys';
import type { TrustDomain } from '@postern/spiffe';
import type { Hono } from 'hono';
import { createDoor, type DoorPorts, type DoorRefusal, type IdentifyFunction } from '../door/door.ts';
import { checkShape, integer, mapOf, text } from '../door/shape.ts';
import type { OperateAuthority } from './authority_commands.ts';
import { mountAuthorityDoor } from './authority_door.ts';
import type { Certifier } from './certifier.ts';
import {
  mayApplyRevocations,
  mayCertifyFeedKey,
  mayCertifyIssuer,
  mayCertifyProducer,
  mayOpenRevocationList,
} from './entitlement.ts';

export interface RotateAppPorts extends DoorPorts {
  readonly identify: IdentifyFunction;
  readonly trustDomain: TrustDomain;
  readonly certifier: Certifier;
  readonly operateAuthority: OperateAuthority;
}

const MAX_BODY_BYTES = 4096;
/** Base64 of a P-256 key is 124 characters. */
const MAX_SPKI_TEXT = 1024;
const MAX_NAME = 2048;
/** Of nine digits. */
const MAX_PARTITION = 999_999_999;

const KEY = mapOf(text(512), 8);
const NOT_THEIRS: DoorRefusal = { refused: 'not-permitted', reason: 'key-of-another-function' };
const NO_KEY: DoorRefusal = { refused: 'malformed-request', reason: 'key-malformed' };

/** Cost of a call: one use of a KMS key; an issuer besides a record, a count and an entry of the feed. */
export function createRotateApp(ports: RotateAppPorts): Hono {
  const { identify, certifier, trustDomain } = ports;
  const door = createDoor('rotate', ports);

  door.function(identify, 'POST', PATHS.keys.issuer, MAX_BODY_BYTES, async (context, caller, body) => {
    const request = checkShape(body, { spki: text(MAX_SPKI_TEXT) });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    if (!mayCertifyIssuer(caller)) return NOT_THEIRS;
    const spki = Buffer.from(request.value.spki, 'base64');
    if (!isIssuerKey(spki)) return NO_KEY;
    const certificate = Buffer.from(await certifier.certifyIssuer(spki)).toString('base64');
    return context.json({ certificate }, 201);
  });

  door.function(identify, 'POST', PATHS.keys.feed, MAX_BODY_BYTES, async (context, caller, body) => {
    const request = checkShape(body, { key: KEY });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    if (!mayCertifyFeedKey(caller)) return NOT_THEIRS;
    const { key } = request.value;
    if (!isPublicSigningKey(key, 'ES256')) return NO_KEY;
    return context.json(await certifier.certifyFeedKey(jwkFromSpki(spkiFromJwk(key))), 201);
  });

  door.function(identify, 'POST', PATHS.keys.producer, MAX_BODY_BYTES, async (context, caller, body) => {
    const request = checkShape(body, { producer: text(MAX_NAME), owner: text(MAX_NAME), key: KEY });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    const { producer, owner, key } = request.value;
    if (!mayCertifyProducer(caller, { producer, owner }, trustDomain)) return NOT_THEIRS;
    if (!isPublicSigningKey(key, 'ES256')) return NO_KEY;
    const opening = { producer, owner, key: jwkFromSpki(spkiFromJwk(key)) };
    return context.json({ certificate: await certifier.certifyProducer(opening) }, 201);
  });

  door.function(identify, 'POST', PATHS.keys.revocations, MAX_BODY_BYTES, async (context, caller) => {
    if (!mayApplyRevocations(caller)) return NOT_THEIRS;
    return context.json({ isDone: await certifier.applyRevocations() }, 201);
  });

  door.function(identify, 'POST', PATHS.keys.revocationList, MAX_BODY_BYTES, async (context, caller, body) => {
    const request = checkShape(body, { issuerKeyId: text(40), number: integer(0, MAX_PARTITION) });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    if (!mayOpenRevocationList(caller)) return NOT_THEIRS;
    await certifier.openRevocationList(request.value);
    return context.json({}, 201);
  });

  mountAuthorityDoor(door, ports);
  return door.app;
}

/** One spelling of it, so that what is certified is what was asked for. */
function isIssuerKey(spki: Uint8Array): boolean {
  return isCanonicalSpki(spki) && isPublicSigningKey(jwkFromSpki(spki), 'ES256');
}
