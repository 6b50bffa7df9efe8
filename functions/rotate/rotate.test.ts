import { type JoinTokenAnswer, PATHS } from '@postern/api';
import { readOwnCertificate } from '@postern/ca';
import { generateSoftwareSigner, jwkFromSpki, SignerUnavailable } from '@postern/keys';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FUNCTION_NAMES, type FunctionName } from '../access.ts';
import { ADMINISTRATOR, jsonOf, openSeparately, principalOf, type Separate } from '../testing/separate.ts';
import { createRemoteCertifier } from './remote_certifier.ts';

let separate: Separate;
beforeAll(async () => {
  separate = await openSeparately();
});
afterAll(() => separate.remove());

const { spki } = generateSoftwareSigner('ES256');
const key = jwkFromSpki(spki);
const agent = 'spiffe://demo.test/postern/agent/node-1';
const ask = (path: string, principal: string | undefined, body: unknown) =>
  separate.call('rotate', { method: 'POST', target: path, principal, body });

const REQUESTS: readonly (readonly [string, string, unknown, readonly FunctionName[]])[] = [
  ['an issuer’s key', PATHS.keys.issuer, { spki: Buffer.from(spki).toString('base64') }, ['issue']],
  ['a feed’s key', PATHS.keys.feed, { key }, ['feed']],
  ['an agent’s producer', PATHS.keys.producer, { producer: `${agent}#1`, owner: agent, key }, ['ingest']],
  ['what follows from revocations', PATHS.keys.revocations, {}, ['admin']],
  ['the first list of a partition', PATHS.keys.revocationList, { issuerKeyId: 'ab'.repeat(20), number: 0 }, ['issue']],
  ...FUNCTION_NAMES.map((name): (typeof REQUESTS)[number] => [
    `the producer of ${name}`,
    PATHS.keys.producer,
    { producer: `function:${name}#1`, owner: name, key },
    [name],
  ]),
];

describe.each(REQUESTS)('%s', (_, path, body, entitled) => {
  test.each(FUNCTION_NAMES)('is had by %s only where it is its own to have', async (caller) => {
    const answer = await ask(path, principalOf(caller), body);
    expect(answer.status).toBe(entitled.includes(caller) ? 201 : 403);
  });

  test.each([
    ['nobody', undefined],
    ['an administrator', ADMINISTRATOR],
    ['a role whose name begins like a function’s', `${principalOf('issue')}-2`],
    ['the same role of another account', principalOf('issue').replace('111122223333', '999999999999')],
  ])('is not had by %s', async (_name, principal) => {
    expect((await ask(path, principal, body)).status).toBe(401);
  });
});

describe('a producer', () => {
  test.each([
    ['of an agent in the name of another', { producer: `${agent}#1`, owner: `${agent}-2` }],
    ['of an agent whose name another’s begins with', { producer: `${agent}-2#1`, owner: agent }],
    [
      'of another trust domain',
      { producer: 'spiffe://evil.test/postern/agent/a#1', owner: 'spiffe://evil.test/postern/agent/a' },
    ],
    ['of a workload', { producer: 'spiffe://demo.test/payments#1', owner: 'spiffe://demo.test/payments' }],
    ['of the control plane itself', { producer: 'function:admin#1', owner: 'admin' }],
    ['of a function in its own name', { producer: 'function:admin#1', owner: 'ingest' }],
  ])('%s is not vouched for at the word of ingest', async (_, opening) => {
    expect((await ask(PATHS.keys.producer, principalOf('ingest'), { ...opening, key })).status).toBe(403);
  });
});

describe('what is asked for', () => {
  const rsa = { kty: 'RSA', n: 'AQAB', e: 'AQAB' };
  test.each([
    ['of the feed that is none', PATHS.keys.feed, 'feed', { key: { kty: 'EC' } }],
    ['of the feed on another curve', PATHS.keys.feed, 'feed', { key: { ...key, crv: 'P-384' } }],
    ['of the feed of another kind', PATHS.keys.feed, 'feed', { key: rsa }],
    ['of the feed with its private half', PATHS.keys.feed, 'feed', { key: { ...key, d: 'AA' } }],
    ['of an issuer that is none', PATHS.keys.issuer, 'issue', { spki: 'AAAA' }],
    [
      'of an issuer with something after it',
      PATHS.keys.issuer,
      'issue',
      { spki: Buffer.concat([spki, Buffer.from([0])]).toString('base64') },
    ],
    ['of a list of a partition below none', PATHS.keys.revocationList, 'issue', { issuerKeyId: 'ab', number: -1 }],
    ['of a list beyond all', PATHS.keys.revocationList, 'issue', { issuerKeyId: 'ab', number: 1e9 }],
    [
      'of a producer that is none',
      PATHS.keys.producer,
      'issue',
      { producer: 'function:issue#1', owner: 'issue', key: {} },
    ],
  ] as const)('%s is malformed and signed by nobody', async (_, path, caller, body) => {
    expect((await ask(path, principalOf(caller), body)).status).toBe(400);
  });
});

test('a certified issuer has the key that was asked for, and no path below it', async () => {
  const answer = await ask(PATHS.keys.issuer, principalOf('issue'), { spki: Buffer.from(spki).toString('base64') });
  const issuer = readOwnCertificate(Buffer.from(jsonOf<{ certificate: string }>(answer).certificate, 'base64'));
  expect(Buffer.compare(issuer.spki, spki)).toBe(0);
  expect(issuer.basicConstraints).toMatchObject({ isCa: true, pathLength: 0 });
});

test('the principal is no header that somebody sends', async () => {
  const headers = [
    ['principal', principalOf('issue')],
    ['x-postern-principal', principalOf('issue')],
    ['authorization', `Bearer ${principalOf('issue')}`],
  ] as const;
  const body = { spki: Buffer.from(spki).toString('base64') };
  const call = { method: 'POST', target: PATHS.keys.issuer, headers, principal: undefined, body };
  expect((await separate.call('rotate', call)).status).toBe(401);
});

test('functions that reach each other only by their doors do their work', async () => {
  const made = await separate.call('admin', {
    method: 'POST',
    target: PATHS.admin.joinTokens,
    principal: ADMINISTRATOR,
    body: { agentName: 'node-1' },
  });
  expect(made.status).toBe(201);
  expect(jsonOf<JoinTokenAnswer>(made).agentId).toBe(agent);
});

describe('whoever asks rotate', () => {
  const answered = (status: number, text: string) => async () => ({ status, bytes: Buffer.from(text) });
  test.each([
    ['and does not reach it', async () => Promise.reject(new Error('no answer'))],
    ['and is refused', answered(403, '{}')],
    ['while its key is away', answered(503, '{}')],
    ['and gets no JSON', answered(201, '<html>')],
  ])('%s has no key, and says so in one way', async (_, send) => {
    const certifier = createRemoteCertifier({ url: 'https://rotate.test', send });
    await expect(certifier.certifyIssuer(spki)).rejects.toBeInstanceOf(SignerUnavailable);
    await expect(certifier.certifyFeedKey(key)).rejects.toBeInstanceOf(SignerUnavailable);
    const opening = { producer: 'function:issue#1', owner: 'issue', key };
    await expect(certifier.certifyProducer(opening)).rejects.toBeInstanceOf(SignerUnavailable);
  });
});
