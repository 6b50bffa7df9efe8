/**
 * Ten thousand proofs that nobody should send: torn, spliced and invented tokens and documents, at every kind that reads
 * text. None is believed, none throws, each is answered in bounded time, and what was refused leaves nothing behind.
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import * as jose from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { attest } from './attest.ts';
import type { AttestorInstance } from './attestor_instance.ts';
import { type AttestWorld, AUDIENCE, createAttestWorld, createIssuerKey, evidenceOf } from './testing/attest_world.ts';
import { type Certified, createCertificate, missingOpenSsl, signDocument } from './testing/openssl.ts';

const RUNS = 10_000;
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const MAX_HEAP_GROWTH_BYTES = 128 * 1024 * 1024;

const key = createIssuerKey('key-1');
let world: AttestWorld;
let instances: readonly AttestorInstance[];
let seeds: readonly string[];

beforeAll(async () => {
  world = createAttestWorld();
  const issuer = 'https://issuer.test';
  world.issuers.set(issuer, [key.jwk]);
  const aws: Certified | undefined = missingOpenSsl === undefined ? createCertificate() : undefined;
  instances = [
    world.instance({ kind: 'oidc', issuer, required: { owner: ['us'] }, claims: { ref: 'ref' } }),
    world.instance({ kind: 'aws-sts', issuers: { '123456789012': issuer } }),
    world.instance({ kind: 'k8s', issuer }),
    world.instance({
      kind: 'aws-ec2',
      accounts: ['123456789012'],
      ...(aws !== undefined && { certificates: { 'test-east-1': aws.certificate } }),
    }),
    world.instance({ kind: 'join-token' }),
    world.instance({ kind: 'x509-svid', renews: ['ci'] }),
  ];
  // Expired long ago: what is changed least is refused for that, and nothing is let in by chance.
  const claims = { iss: issuer, aud: AUDIENCE, owner: 'us', iat: 1, exp: 2, sub: 'system:serviceaccount:a:b' };
  const token = (payload: jose.JWTPayload) =>
    new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'key-1', typ: 'JWT' }).sign(key.privateKey);
  const inside = { 'kubernetes.io': { namespace: 'a', serviceaccount: { name: 'b' } } };
  const document =
    '{"accountId":"123456789012","region":"test-east-1","instanceId":"i-0000000a","pendingTime":"2016-11-19T16:32:11Z"}';
  seeds = [
    await token(claims),
    await token({ ...claims, ...inside }),
    await token({ ...claims, 'https://sts.amazonaws.com/': { aws_account: '123456789012' } }),
    ...(aws === undefined ? [] : [[], ['-stream'], ['-noattr']].map((flags) => signDocument(document, aws, flags))),
  ];
});

/** A piece cut out, put in twice, or replaced. */
const torn = fc
  .tuple(fc.nat(), fc.nat(), fc.nat(64), fc.oneof(fc.string(), fc.base64String(), fc.constant('')))
  .map(([which, at, length, piece]) => {
    const text = seeds[which % seeds.length] as string;
    const start = at % (text.length + 1);
    return text.slice(0, start) + piece + text.slice(start + length);
  });
/** One byte of what base64 holds, anywhere in it. */
const flipped = fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 })).map(([which, at, by]) => {
  const parts = (seeds[which % seeds.length] as string).split('.');
  const index = at % parts.length;
  const bytes = Buffer.from(parts[index] as string, 'base64');
  const place = at % Math.max(1, bytes.length);
  bytes[place] = ((bytes[place] ?? 0) ^ by) & 0xff;
  parts[index] = bytes.toString(parts.length === 1 ? 'base64' : 'base64url');
  return parts.join('.');
});
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
const invented = fc
  .tuple(
    fc.oneof(
      fc.json().map((text) => JSON.parse(text)),
      fc.record({ alg: fc.constantFrom('none', 'HS256', 'ES256', 'RS256'), kid: fc.string() }),
    ),
    fc.jsonValue(),
    fc.base64String(),
  )
  .map(([header, claims, signature]) => `${encoded(header)}.${encoded(claims)}.${signature}`);
const nested = fc
  .tuple(fc.constantFrom('0\x80', '$\x80', '\xa0\x80'), fc.integer({ min: 1, max: 12_000 }))
  .map(([open, length]) => Buffer.alloc(length, open, 'latin1').toString('base64'));
const proofs = fc.oneof(torn, flipped, invented, nested, fc.string({ maxLength: 300 }), fc.base64String());

test(`none of ${RUNS} proofs is believed, none throws, and none is remembered (FUZZ_SEED=${seed})`, async () => {
  const reasons = new Map<string, number>();
  const before = process.memoryUsage().heapUsed;
  await fc.assert(
    fc.asyncProperty(proofs, fc.nat(), async (proof, which) => {
      const instance = instances[which % instances.length] as AttestorInstance;
      const evidence = evidenceOf({ proof });
      const call = instance.kind === 'x509-svid' ? { ...evidence.call, requestProof: proof } : evidence.call;
      const attested = await attest(instance, { ...evidence, call }, world.ports);
      expect(attested.ok).toBe(false);
      if (!attested.ok) reasons.set(attested.reason, (reasons.get(attested.reason) ?? 0) + 1);
    }),
    { numRuns: RUNS, seed },
  );
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  expect([...reasons.values()].reduce((sum, count) => sum + count, 0)).toBe(RUNS);
  // Reached: what is wrong in form, and what is wrong in substance.
  expect([...reasons.keys()]).toEqual(
    expect.arrayContaining(['token-malformed', 'token-signature', 'document-malformed']),
  );
  // One issuer, however many tokens: its keys were asked for a few times, not ten thousand.
  expect(world.asked.length).toBeLessThan(10);
}, 60_000);
