/** An operator rolls the authority's keys over, by the command line alone. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentIdentity, type AuthorityStatus, PATHS, parseJoinToken } from '@postern/api';
import { createCsr, parseCsr } from '@postern/ca';
import { type Company, createCompany, missingOpenSsl } from '@postern/ca/testing';
import { encodePem, parsePem } from '@postern/der';
import { verifyX509Signature } from '@postern/keys';
import {
  parseCertificate,
  parseTrustBundle,
  type TrustBundle,
  type TrustDomain,
  verifyX509Svid,
} from '@postern/spiffe';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';

const trustDomain = 'demo.test' as TrustDomain;
let plane: TestControlPlane;
// Nobody is there who would have to be waited for, unless a test says so.
beforeEach(async () => {
  plane = await startTestControlPlane({
    rolloverTimes: { publishedForMs: 0, drainedForMs: 3_600_000, jwtDrainedForMs: 0 },
  });
});
afterEach(() => plane.stop());

const ca = (line: string, ...more: string[]) => plane.runHere(['ca', ...line.split(' '), ...more]);
async function status(): Promise<AuthorityStatus> {
  return JSON.parse((await ca('status --json')).out) as AuthorityStatus;
}
const phasesOf = async (key: 'root' | 'jwt') =>
  (await status()).keys[key].map(({ generation, phase }) => `${generation} ${phase}`);
function must<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}
const write = (name: string, text: string) => writeFileSync(join(plane.folder, name), text);

async function joinAndFallSilent(agent: string): Promise<AgentIdentity> {
  const { code } = await plane.runHere(['token', 'create', '--agent', agent, '--out', `${agent}.token`]);
  expect(code).toBe(0);
  const token = must(parseJoinToken(readFileSync(join(plane.folder, `${agent}.token`), 'utf8').trim()));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = Buffer.from(createCsr(privateKey, {})).toString('base64');
  const response = await fetch(plane.url + PATHS.agentJoin, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: token.secret, csr }),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as AgentIdentity;
}

test('a key at rest says so', async () => {
  const { code, out } = await ca('status');
  expect(code).toBe(0);
  expect(out).toMatch(/root +1 +signing/);
  expect(out).toMatch(/jwt +1 +signing/);
  expect(out).toContain('no key is on its way');
});

test('a root is made, published and signs when nobody has to be waited for', async () => {
  expect(await ca('prepare root --dry-run')).toMatchObject({
    code: 0,
    out: expect.stringContaining('nothing was done; it would be: prepare root 2'),
  });
  expect(await phasesOf('root')).toEqual(['1 signing']);
  expect(await ca('prepare root')).toMatchObject({
    code: 0,
    out: expect.stringContaining('done: prepare root 2, then publish root 2, then sign root 2'),
  });
  expect((await ca('status')).out).toMatch(/root 1 is not distrusted yet: certificates under it count until 20/);
  expect(await phasesOf('root')).toEqual(['1 draining', '2 signing']);
});

test('a key of tokens goes through all phases by itself', async () => {
  expect((await ca('prepare jwt')).out).toContain('then sign jwt 2, then distrust jwt 1');
  expect(await ca('advance')).toMatchObject({ code: 1, err: expect.stringContaining('no step is due') });
});

describe('while a consumer lags behind', () => {
  const AGENT = 'spiffe://demo.test/postern/agent/stuck';
  beforeEach(async () => {
    // It has an SVID of the time before, as one has that joined and was cut off.
    await joinAndFallSilent('stuck');
    await ca('prepare root');
  });

  test('it says who, until when, and what can be done', async () => {
    const { out } = await ca('status');
    expect(out).toContain('root 2 does not sign yet: 1 who verify have not said that they know it');
    expect(out).toMatch(new RegExp(`${AGENT}: has said nothing, lapses 20.+Z`));
    expect(out).toContain('postern ca override root --reason TEXT');
    expect((await status()).waits).toMatchObject([{ reason: 'consumers-behind', consumers: [{ name: AGENT }] }]);
    expect(await ca('advance')).toMatchObject({ code: 1, err: expect.stringContaining('postern ca status') });
    expect(await phasesOf('root')).toEqual(['1 signing', '2 published']);
  });

  test('an override lets it sign, by name and with a reason', async () => {
    expect(await ca('override root')).toMatchObject({ code: 2, err: expect.stringContaining('--reason') });
    expect(await ca('override root --reason', '')).toMatchObject({ code: 1 });
    expect(await ca('override root --dry-run --reason', 'node is gone')).toMatchObject({ code: 0 });
    expect(await phasesOf('root')).toEqual(['1 signing', '2 published']);
    expect(await ca('override root --reason', 'node is gone')).toMatchObject({ code: 0, err: '' });
    expect(await phasesOf('root')).toEqual(['1 draining', '2 signing']);
    expect((await ca('status')).out).toContain('root 2 is signing by local-administrator: node is gone');
    const records = await plane.runHere(['audit', 'list', '--kind', 'rollover-step', '--json']);
    expect(records.out).toContain('node is gone');
  });

  test('the root that everybody knows is distrusted when there is one in its place', async () => {
    expect(await ca('distrust root 1 --reason', 'stolen')).toMatchObject({
      code: 0,
      out: expect.stringContaining('distrust root 1'),
    });
    expect(await phasesOf('root')).toEqual(['1 distrusted', '2 signing']);
  });

  test('what was published and turned out wrong is taken back', async () => {
    expect(await ca('distrust root 2 --reason', 'made by mistake')).toMatchObject({ code: 0 });
    expect(await phasesOf('root')).toEqual(['1 signing', '2 distrusted']);
    expect(await ca('prepare root --dry-run')).toMatchObject({ out: expect.stringContaining('prepare root 3') });
  });
});

describe.skipIf(missingOpenSsl !== undefined)('a company’s own root', () => {
  let company: Company;
  beforeEach(() => {
    company = createCompany();
  });
  afterEach(() => company.remove());
  const pem = (...certificates: readonly Uint8Array[]) =>
    certificates.map((der) => encodePem('CERTIFICATE', der)).join('');

  async function csr(): Promise<Uint8Array> {
    expect(await ca('csr --out postern.csr')).toMatchObject({ code: 0, err: '' });
    const blocks = parsePem(readFileSync(join(plane.folder, 'postern.csr'), 'utf8'), 'CERTIFICATE REQUEST', {
      maxBytes: 10_000,
    });
    if (!blocks.ok) throw new Error(blocks.reason);
    return blocks.value[0] as Uint8Array;
  }

  test('is above ours, once it has certified what we ask', async () => {
    const request = await csr();
    // Lost on its way, and asked for again: the same key.
    expect(Buffer.compare(spkiOf(await csr()), spkiOf(request))).toBe(0);
    write('chain.pem', pem(company.sign(request), company.certificate));
    expect((await ca('import-chain chain.pem --dry-run')).out).toContain('it would be: prepare root 2');
    expect(await phasesOf('root')).toEqual(['1 signing']);
    expect(await ca('import-chain chain.pem')).toMatchObject({ code: 0, err: '' });
    expect(await phasesOf('root')).toEqual(['1 draining', '2 signing']);
    // Functions look at the state anew every two seconds.
    const underCompany = await vi.waitUntil(
      async () => {
        const { x509Authorities } = await fetchBundle();
        return Buffer.compare(x509Authorities.at(-1) ?? Uint8Array.of(), company.certificate) === 0 && x509Authorities;
      },
      { timeout: 5000, interval: 200 },
    );
    // Ours is below it and stands for itself nowhere.
    expect(underCompany).toHaveLength(2);
    const ours = must(parseCsr(request)).spki;
    expect(underCompany.map((der) => must(parseCertificate(der)).spki)).not.toContainEqual(ours);

    const verified = verifyX509Svid({
      chain: (await joinAndFallSilent('later')).chain.map((der) => Uint8Array.from(Buffer.from(der, 'base64'))),
      bundles: new Map([[trustDomain, { trustDomain, x509Authorities: [company.certificate], jwtAuthorities: [] }]]),
      nowMs: Date.now(),
      verifySignature: verifyX509Signature,
    });
    expect(must(verified).path.map(({ spki }) => spki)).toEqual([
      expect.anything(),
      expect.anything(),
      ours,
      must(parseCertificate(company.certificate)).spki,
    ]);
  });

  async function fetchBundle(): Promise<TrustBundle> {
    return must(parseTrustBundle(await (await fetch(plane.url + PATHS.trustBundle)).text(), trustDomain));
  }

  /** Name and key: after the length of the whole, which depends on the signature's, and before the extensions. */
  const spkiOf = (request: Uint8Array) => request.subarray(4, 200);

  test('a chain without a request is refused, and says to make one', async () => {
    const other = company.below('Somebody Else');
    write('chain.pem', pem(other.certificate, company.certificate));
    expect(await ca('import-chain chain.pem')).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing-requested'),
    });
    expect(await phasesOf('root')).toEqual(['1 signing']);
  });

  test('a chain for another key is refused, and nothing is done', async () => {
    await csr();
    const other = company.below('Somebody Else');
    write('chain.pem', pem(other.certificate, company.certificate));
    expect(await ca('import-chain chain.pem')).toMatchObject({
      code: 1,
      err: expect.stringContaining('not exactly one certificate is for the key of the request (intermediate-key'),
    });
    expect(await phasesOf('root')).toEqual(['1 signing']);
  });

  test.each([
    ['a file that is not there', 'nowhere.pem', undefined, 2, 'ENOENT'],
    ['what is no certificate', 'text.pem', 'hello', 2, 'no certificate'],
    ['a private key', 'key.pem', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 2, 'PRIVATE KEY'],
    ['a certificate with text around it', 'around.pem', 'hello\n-----BEGIN CERTIFICATE-----\n', 2, 'no certificate'],
    ['more than a chain is', 'large.pem', 'x'.repeat(70_000), 2, 'larger than'],
  ])('%s is none', async (_, name, text, code, said) => {
    if (text !== undefined) write(name, text);
    for (const command of ['import-chain', 'anchor add']) {
      const ended = await ca(`${command} ${name}`);
      expect(ended.code).toBe(code);
      expect(ended.err).toContain(said);
      expect(ended.err).not.toContain('AAAA');
    }
  });

  test('an authority of the same trust domain stands beside ours while a migration lasts', async () => {
    write('spire.pem', pem(company.certificate));
    expect((await ca('anchor add spire.pem --dry-run')).out).toContain('it would be: add-foreign');
    expect((await status()).foreign).toEqual([]);
    expect(await ca('anchor add spire.pem')).toMatchObject({ code: 0, err: '' });
    const [foreign] = (await status()).foreign;
    expect(foreign).toMatchObject({ by: 'local-administrator', digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect((await ca('status')).out).toContain(`foreign anchor ${foreign?.digest}`);
    expect(await ca('anchor add spire.pem')).toMatchObject({ code: 1, err: expect.stringContaining('anchor-known') });
    expect(await ca(`anchor remove ${foreign?.digest}`)).toMatchObject({ code: 0 });
    expect(await ca(`anchor remove ${foreign?.digest}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('no foreign authority has that digest'),
    });
  });

  test('an authority of another trust domain is not', async () => {
    const other = createCompany([
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectAltName=URI:spiffe://evil.test',
    ]);
    write('evil.pem', pem(other.certificate));
    other.remove();
    expect(await ca('anchor add evil.pem')).toMatchObject({
      code: 1,
      err: expect.stringContaining('postern federation create'),
    });
    expect((await status()).foreign).toEqual([]);
  });
});

test('a root of ours is no foreign authority: distrusted for good is distrusted for good', async () => {
  const { x509Authorities } = must(
    parseTrustBundle(await (await fetch(plane.url + PATHS.trustBundle)).text(), trustDomain),
  );
  write('ours.pem', x509Authorities.map((der) => encodePem('CERTIFICATE', der)).join(''));
  const isRefused = { code: 1, err: expect.stringContaining('anchor-own') };
  expect(await ca('anchor add ours.pem')).toMatchObject(isRefused);
  expect(await ca('prepare root')).toMatchObject({ code: 0 });
  expect(await ca('distrust root 1 --reason stolen')).toMatchObject({ code: 0 });
  expect(await phasesOf('root')).toEqual(['1 distrusted', '2 signing']);
  expect(await ca('anchor add ours.pem')).toMatchObject(isRefused);
  expect((await status()).foreign).toEqual([]);
});

test.each([
  ['another key', 'prepare release', 2, 'root or jwt'],
  ['a generation that there is not', 'distrust root 7 --reason x', 1, 'generation-unknown'],
  ['the only root', 'distrust root 1 --reason x', 1, 'no-successor'],
  ['a number that is none', 'distrust root one --reason x', 2, 'number'],
  ['an override of nothing', 'override jwt --reason x', 1, 'nothing-published'],
  ['two anchors at once', 'anchor remove x y', 2, 'too many'],
])('%s is refused, and the advice says what to do', async (_, line, code, said) => {
  const ended = await ca(line);
  expect(ended.code).toBe(code);
  expect(ended.err).toContain(said);
});
