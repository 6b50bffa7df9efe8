/** From nothing to an SVID without an agent, by the command line alone. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startTestControlPlane();
});
afterAll(() => plane.stop());

const run = (line: string) => plane.runHere(line.split(' '));
const write = (name: string, text: string) => writeFileSync(join(plane.folder, name), text);
const GITHUB = `name: github
kind: oidc
makes: workload
issuer: https://token.actions.githubusercontent.com
required:
  repository_owner_id: ["65"]
claims:
  repository: repository
`;

describe('an attestor', () => {
  test('is tried, made, listed, shown and deleted', async () => {
    write('github.yaml', GITHUB);
    expect(await run('attestor create -f github.yaml --dry-run')).toMatchObject({
      code: 0,
      out: expect.stringContaining('not made'),
    });
    expect((await run('attestor list')).out).toBe('no attestors\n');
    expect(await run('attestor create -f github.yaml')).toMatchObject({ code: 0, err: '' });
    expect((await run('attestor create -f github.yaml')).code).toBe(1);
    expect(JSON.parse((await run('attestor list --json')).out)).toMatchObject({
      attestors: [{ name: 'github', kind: 'oidc' }],
    });
    expect((await run('attestor show github')).out).toContain('https://token.actions.githubusercontent.com');
    expect(await run('attestor delete github')).toMatchObject({
      code: 0,
      out: expect.stringContaining('deleted github'),
    });
    expect((await run('attestor show github')).code).toBe(1);
  });

  test.each([
    ['a file that is not there', 'missing.yaml', undefined, 2, 'ENOENT'],
    ['what is no YAML', 'bad.yaml', 'a: [', 2, 'at line 1, column 5\n'],
    ['what is no mapping', 'list.yaml', '- a', 2, 'not one mapping'],
    ['a member named twice', 'twice.yaml', `${GITHUB}kind: k8s\n`, 2, 'no YAML'],
    ['anchors', 'anchor.yaml', 'a: &x 1\nb: *x\n', 2, 'anchors'],
    ['a misspelt setting', 'misspelt.yaml', `${GITHUB}maxAge: 1\n`, 1, 'docs/attestation.md'],
    ['an unknown kind', 'kind.yaml', GITHUB.replace('oidc', 'tpm'), 1, 'kind'],
  ])('is not made of %s', async (_, name, text, code, said) => {
    if (text !== undefined) write(name, text);
    const ended = await run(`attestor create -f ${name}`);
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(said);
  });
});

describe('a bare machine', () => {
  test('gets an SVID for a token, and renews it by its key', async () => {
    write('bare.yaml', 'name: bare\nkind: join-token\nmakes: workload\nisRenewable: true\n');
    write('renewal.yaml', 'name: renewal\nkind: x509-svid\nmakes: workload\nrenews: [bare]\n');
    for (const file of ['bare.yaml', 'renewal.yaml']) expect((await run(`attestor create -f ${file}`)).code).toBe(0);
    const parent = 'spiffe://demo.test/postern/attestor/bare';
    await run(`entry create --spiffe-id spiffe://demo.test/press --parent ${parent} --selector join:name:press-1`);
    expect((await run('token create --attestor bare --name press-1 --out press.token')).code).toBe(0);

    const attested = await run(
      'svid attest --attestor bare --proof-file press.token --out svid --jwt-audience https://s.test',
    );
    expect(attested).toMatchObject({ code: 0, err: '' });
    expect(attested.out).toContain('spiffe://demo.test/press');
    const file = (name: string) => join(plane.folder, 'svid', name);
    expect(statSync(file('key.pem')).mode & 0o777).toBe(0o600);
    expect(readFileSync(file('svid.jwt'), 'utf8').split('.')).toHaveLength(3);
    const verified = execFileSync('openssl', [
      'verify',
      '-CAfile',
      file('bundle.pem'),
      '-untrusted',
      file('svid.pem'),
      file('svid.pem'),
    ]);
    expect(verified.toString()).toContain('OK');

    const before = readFileSync(file('svid.pem'), 'utf8');
    expect(await run('svid attest --attestor renewal --renew svid --out svid')).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(file('svid.pem'), 'utf8')).not.toBe(before);
    const again = await run('svid attest --attestor bare --proof-file press.token --out svid');
    expect(again).toMatchObject({ code: 3, err: expect.stringContaining('get a new proof') });
  });

  test.each([
    ['both an agent and a name', 'token create --agent a --attestor bare --name b', 2, 'one agent'],
    ['neither', 'token create', 2, 'one agent'],
    ['an attestor that takes no tokens', 'token create --attestor renewal --name b', 1, 'join-token'],
    ['no proof', 'svid attest --attestor bare --out svid', 2, 'proof'],
    ['a proof that is not there', 'svid attest --attestor bare --proof-file nothing --out svid', 2, 'ENOENT'],
    ['an SVID that is not there', 'svid attest --attestor renewal --renew nowhere --out svid', 2, 'nowhere'],
  ])('is told what is wrong with %s', async (_, line, code, said) => {
    const ended = await run(line);
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(said);
  });
});
