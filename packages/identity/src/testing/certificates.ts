/** Certificates for tests: a root, ephemeral issuers and leaves with whatever a case wants wrong in them. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  bitString,
  boolean,
  contextTag,
  element,
  namedBits,
  octetString,
  oid,
  sequence,
  setOf,
  time,
  unsigned,
  utf8String,
} from '@postern/der';

export interface TestAuthority {
  readonly certificate: Uint8Array;
  readonly privateKey: KeyObject;
  readonly keyId: Uint8Array;
  readonly subject: Uint8Array;
}

export interface TestLeaf {
  readonly certificate: Uint8Array;
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
  readonly serial: string;
}

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const DAY_MS = 86_400_000;

type Issuer = Pick<TestAuthority, 'privateKey' | 'keyId' | 'subject'>;

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function nameOf(text: string): Uint8Array {
  return sequence(
    setOf(sequence(oid('2.5.4.10'), utf8String('Postern'))),
    setOf(sequence(oid('2.5.4.3'), utf8String(text))),
  );
}

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  return { privateKey, spki, keyId: new Uint8Array(createHash('sha1').update(spki).digest()) };
}

function signed(tbs: Uint8Array, privateKey: KeyObject): Uint8Array {
  return sequence(tbs, ECDSA_WITH_SHA256, bitString(sign('sha256', tbs, privateKey)));
}

const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const uriName = (uri: string) => element(contextTag(6, 'primitive'), ascii(uri));
const dnsName = (name: string) => element(contextTag(2, 'primitive'), ascii(name));

function certificate(input: {
  readonly issuer: Issuer;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Uint8Array[];
}): Uint8Array {
  const tbs = sequence(
    element(contextTag(0, 'constructed'), unsigned(2)),
    unsigned(input.serial),
    ECDSA_WITH_SHA256,
    input.issuer.subject,
    sequence(time(input.notBeforeMs), time(input.notAfterMs)),
    input.subject,
    input.spki,
    element(contextTag(3, 'constructed'), sequence(...input.extensions)),
  );
  return signed(tbs, input.issuer.privateKey);
}

/** A positive serial of 16 bytes. */
function newSerial(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  return new Uint8Array(serial);
}

/** A root (no `parent`) or an issuer below one, of `spiffe://<trustDomain>`. */
export function createTestAuthority(input: {
  readonly trustDomain: string;
  readonly nowMs: number;
  readonly parent?: TestAuthority;
  readonly lifeMs?: number;
}): TestAuthority {
  const { privateKey, spki, keyId } = keyPair();
  const subject = nameOf(`${input.trustDomain} ${Buffer.from(keyId).toString('hex').slice(0, 8)}`);
  const parent = input.parent ?? { privateKey, keyId, subject };
  const constraints = input.parent === undefined ? sequence(boolean(true)) : sequence(boolean(true), unsigned(0));
  const der = certificate({
    issuer: parent,
    subject,
    spki,
    serial: newSerial(),
    notBeforeMs: input.nowMs - DAY_MS,
    notAfterMs: input.nowMs + (input.lifeMs ?? DAY_MS),
    extensions: [
      extension('2.5.29.19', true, constraints),
      extension('2.5.29.15', true, namedBits([5, 6])),
      extension('2.5.29.17', false, sequence(uriName(`spiffe://${input.trustDomain}`))),
      extension('2.5.29.14', false, octetString(keyId)),
      extension('2.5.29.35', false, sequence(element(contextTag(0, 'primitive'), parent.keyId))),
    ],
  });
  return { certificate: der, privateKey, keyId, subject };
}

/** A leaf; the defaults make an X.509-SVID in order. */
export function createTestLeaf(input: {
  readonly issuer: TestAuthority;
  readonly uris: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Key usage bits; `digitalSignature` when absent. */
  readonly keyUsage?: readonly number[];
  readonly isAuthority?: boolean;
}): TestLeaf {
  const { privateKey, spki, keyId } = keyPair();
  const serial = newSerial();
  const names = [...input.uris.map(uriName), ...(input.dnsNames ?? []).map(dnsName)];
  const der = certificate({
    issuer: input.issuer,
    subject: nameOf('leaf'),
    spki,
    serial,
    notBeforeMs: input.notBeforeMs,
    notAfterMs: input.notAfterMs,
    extensions: [
      extension('2.5.29.19', true, input.isAuthority ? sequence(boolean(true)) : sequence()),
      extension('2.5.29.15', true, namedBits(input.keyUsage ?? [0])),
      extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
      ...(names.length > 0 ? [extension('2.5.29.17', false, sequence(...names))] : []),
      extension('2.5.29.14', false, octetString(keyId)),
      extension('2.5.29.35', false, sequence(element(contextTag(0, 'primitive'), input.issuer.keyId))),
    ],
  });
  return { certificate: der, privateKey, spki, serial: Buffer.from(serial).toString('hex') };
}

/** As Envoy hands a certificate over: PEM, everything but unreserved characters escaped. */
export function urlEncodedPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  return encodeURIComponent(pem);
}
