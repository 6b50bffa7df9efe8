/** An SVID of each kind of key, from a proof and by renewal, and what is refused before anything is sent. */
import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestControlPlane, type TestControlPlane } from '../testing/local_control_plane.ts';

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startTestControlPlane();
  const write = (name: string, text: string) => writeFileSync(join(plane.folder, name), text);
  write('bare.yaml', 'name: bare\nkind: join-token\nmakes: workload\nisRenewable: true\n');
  write('renewal.yaml', 'name: renewal\nkind: x509-svid\nmakes: workload\nrenews: [bare]\n');
  for (const file of ['bare.yaml', 'renewal.yaml']) await run(`attestor create -f ${file}`);
  const parent = 'spiffe://demo.test/postern/attestor/bare';
  for (const name of ['press', 'vault'])
    await run(
      `entry create --spiffe-id spiffe://demo.test/${name} --parent ${parent} --selector join:name:${name} ` +
        `--profile ${name === 'vault' ? 'kms' : 'workload'} --dns-name ${name}.demo.test`,
    );
});
afterAll(() => plane.stop());

const run = (line: string, environment = {}) => plane.runHere(line.split(' '), environment);
const file = (...path: string[]) => join(plane.folder, ...path);

async function tokenFor(name: string): Promise<string> {
  const path = `${name}-${Math.random().toString(16).slice(2)}.token`;
  expect(await run(`token create --attestor bare --name ${name} --out ${path}`)).toMatchObject({ code: 0 });
  return path;
}

function expectVerified(folder: string): void {
  const [bundle, svid] = [file(folder, 'bundle.pem'), file(folder, 'svid.pem')];
  const args = ['verify', '-x509_strict', '-CAfile', bundle, '-untrusted', svid, svid];
  expect(execFileSync('openssl', args).toString()).toContain('OK');
}

describe('svid attest', () => {
  test.each([
    ['p256', 'ec', 'prime256v1'],
    ['p384', 'ec', 'secp384r1'],
    ['ed25519', 'ed25519', undefined],
    ['rsa2048', 'rsa', undefined],
    ['rsa3072', 'rsa', undefined],
    ['rsa4096', 'rsa', undefined],
  ])(
    'makes a key of the kind %s, which nobody else can read, gets an SVID for it and renews it',
    async (type, kind, curve) => {
      const [first, second] = [`svid-${type}`, `renewed-${type}`];
      const token = await tokenFor('press');
      const before = process.umask(0);
      try {
        const attested = await run(
          `svid attest --attestor bare --proof-file ${token} --key-type ${type} --out ${first}`,
        );
        expect(attested).toMatchObject({ code: 0, err: '' });
      } finally {
        process.umask(before);
      }
      expect(statSync(file(first, 'key.pem')).mode & 0o777).toBe(0o600);
      const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(readFileSync(file(first, 'key.pem')));
      expect([asymmetricKeyType, asymmetricKeyDetails?.namedCurve]).toEqual([kind, curve]);
      expectVerified(first);
      const renewed = `svid attest --attestor renewal --renew ${first} --key-type ${type} --out ${second}`;
      expect(await run(renewed)).toMatchObject({ code: 0, err: '' });
      expectVerified(second);
    },
  );

  test('gets an SVID of the profile kms, signed by the key that stays in the key store', async () => {
    const token = await tokenFor('vault');
    expect(await run(`svid attest --attestor bare --proof-file ${token} --out vault`)).toMatchObject({ code: 0 });
    expectVerified('vault');
  });

  test('takes the proof from the environment, so that it is in no file and no list of processes', async () => {
    const proof = readFileSync(file(await tokenFor('press')), 'utf8');
    const attested = await run('svid attest --attestor bare --proof-env PROOF --out by-env', { PROOF: proof });
    expect(attested).toMatchObject({ code: 0, err: '' });
    expectVerified('by-env');
  });

  test('shows the request in a dry run, sends nothing and leaves nothing', async () => {
    const token = await tokenFor('press');
    const dry = `svid attest --attestor bare --proof-file ${token} --spiffe-id spiffe://demo.test/press --key-type p384`;
    const shown = await run(`${dry} --out nowhere --dry-run --json`, { POSTERN_URL: 'http://127.0.0.1:1' });
    expect(shown).toMatchObject({ code: 0, err: '' });
    const { csr, sent } = JSON.parse(shown.out) as { csr: string; sent: boolean };
    const text = execFileSync('openssl', ['req', '-noout', '-text', '-verify'], { input: csr }).toString();
    expect([text.includes('URI:spiffe://demo.test/press'), text.includes('secp384r1'), sent]).toEqual([
      true,
      true,
      false,
    ]);
    expect(existsSync(file('nowhere'))).toBe(false);
    const spent = await run(`svid attest --attestor bare --proof-file ${token} --out after-dry`);
    expect(spent).toMatchObject({ code: 0 });
  });

  test('tells whoever has no entry the selectors that one would need, and a refused renewal no such thing', async () => {
    const unentered = await run(`svid attest --attestor bare --proof-file ${await tokenFor('stranger')} --out none`);
    expect(unentered).toMatchObject({
      code: 3,
      err: expect.stringMatching(/^selector {2}join:name:stranger\nerror: /),
    });
    expect(unentered.err).toContain('postern entry create');
    await run(`svid attest --attestor bare --proof-file ${await tokenFor('press')} --out first`);
    for (const [from, to] of ['first second', 'second third'].map((pair) => pair.split(' ')))
      expect(await run(`svid attest --attestor renewal --renew ${from} --out ${to}`)).toMatchObject({ code: 0 });
    const superseded = await run('svid attest --attestor renewal --renew first --out fourth');
    expect(superseded).toMatchObject({ code: 3, err: expect.stringContaining('postern audit list --kind refusal') });
    expect(superseded.err).not.toContain('entry create');
  });

  test.each([
    ['a kind of key that the authority does not take', '--proof-file x --key-type p521', 'one of p256'],
    ['a kind that is a member of every object', '--proof-file x --key-type toString', 'one of p256'],
    ['two proofs', '--proof-file x --proof-env PROOF', 'an SVID is for one proof'],
    ['a variable that is not set', '--proof-env NOT_SET', '`NOT_SET` holds no proof'],
    ['an oversized proof, and does not repeat it', '--proof-env LONG', '`LONG` holds no proof'],
  ])('refuses %s', async (_, words, said) => {
    const environment = { PROOF: 'proof', LONG: 'secret'.repeat(3000) };
    const ended = await run(`svid attest --attestor bare --out x ${words}`, environment);
    expect(ended).toMatchObject({ code: 2, err: expect.stringContaining(said) });
    expect(ended.err).not.toContain('secretsecret');
  });
});
