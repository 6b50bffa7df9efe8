import { describe, expect, test } from 'vitest';
import { ACCESS, FUNCTION_NAMES, type FunctionName } from './access.ts';
import { EnvironmentInvalid, keyVariable, readEnvironment, VARIABLES } from './environment.ts';
import { readOutboundRanges } from './outbound.ts';

const ROLE = 'arn:aws:iam::111122223333:role/a';
/** Everything that any function may be told. */
const COMPLETE: { readonly [variable: string]: string } = {
  AWS_REGION: 'eu-central-1',
  [VARIABLES.trustDomain]: 'demo.test',
  [VARIABLES.url]: 'https://api.demo.test/',
  [VARIABLES.table]: 'postern',
  [VARIABLES.bucket]: 'postern-objects',
  [VARIABLES.keyAliases]: 'alias/Postern',
  [VARIABLES.rotateUrl]: 'https://rotate.demo.test/',
  [VARIABLES.issueUrl]: 'https://issue.demo.test/',
  [VARIABLES.ingestUrl]: 'https://ingest.demo.test/base/',
  [VARIABLES.functionPrincipals]: JSON.stringify({ [ROLE]: 'issue' }),
  [VARIABLES.administrators]: JSON.stringify({ [ROLE]: ['auditor', 'operator'] }),
  ...Object.fromEntries(
    (['root', 'issuer', 'jwt', 'release', 'assertion', 'entries', 'facts', 'acme'] as const).map((key) => [
      keyVariable(key),
      `arn:${key}`,
    ]),
  ),
  POSTERN_SECRET_POSTURE_WEBHOOK: 'arn:secret',
};
const changed = (name: FunctionName, variables: { readonly [variable: string]: string | undefined }) => () =>
  readEnvironment(name, { ...COMPLETE, ...variables });

describe.each(FUNCTION_NAMES)('%s', (name) => {
  test('is told of the keys in its row and of no others', () => {
    const environment = readEnvironment(name, COMPLETE);
    expect(Object.keys(environment.signers)).toEqual(Object.keys(ACCESS[name].signingKeys));
    expect(Object.keys(environment.macs)).toEqual([...ACCESS[name].macKeys]);
    expect(Object.keys(environment.secrets)).toEqual([...ACCESS[name].secrets]);
    expect(environment.administrators.size).toBe(['admin', 'publish', 'audit'].includes(name) ? 1 : 0);
    expect(environment.functionPrincipals.size).toBe(name === 'rotate' || name === 'issue' ? 1 : 0);
  });

  test('does not start with a variable missing or empty that it needs', () => {
    const needed = Object.keys(COMPLETE).filter((variable) => {
      try {
        readEnvironment(name, { ...COMPLETE, [variable]: undefined });
        return false;
      } catch (fault) {
        expect(fault).toBeInstanceOf(EnvironmentInvalid);
        expect((fault as Error).message).toContain(`\`${variable}\``);
        return true;
      }
    });
    expect(needed).toEqual(expect.arrayContaining(['AWS_REGION', VARIABLES.table, VARIABLES.bucket]));
    for (const variable of needed) expect(changed(name, { [variable]: '' })).toThrow(EnvironmentInvalid);
  });
});

test('addresses come without their last slash; the one that proofs are made for is an origin', () => {
  expect(readEnvironment('issue', COMPLETE)).toMatchObject({
    url: 'https://api.demo.test',
    rotateUrl: 'https://rotate.demo.test',
  });
  expect(readEnvironment('admin', COMPLETE).ingestUrl).toBe('https://ingest.demo.test/base');
  expect(changed('issue', { [VARIABLES.url]: 'https://api.demo.test/path' })).toThrow(EnvironmentInvalid);
});

test.each([
  ['a trust domain that is none', 'issue', VARIABLES.trustDomain, 'Demo_Test!'],
  ['a URL that is none', 'issue', VARIABLES.url, 'api.demo.test'],
  ['a URL of another kind', 'issue', VARIABLES.rotateUrl, 'file:///etc/passwd'],
  ['administrators that are no JSON', 'admin', VARIABLES.administrators, '{'],
  ['administrators as a list', 'admin', VARIABLES.administrators, '[]'],
  ['a role that nobody knows', 'admin', VARIABLES.administrators, JSON.stringify({ [ROLE]: ['root'] })],
  ['a team without its path', 'admin', VARIABLES.administrators, JSON.stringify({ [ROLE]: ['service-team'] })],
  ['a team of everything', 'admin', VARIABLES.administrators, JSON.stringify({ [ROLE]: ['service-team:/'] })],
  ['a team of half a segment', 'admin', VARIABLES.administrators, JSON.stringify({ [ROLE]: ['service-team:/sh'] })],
  ['a team that climbs', 'admin', VARIABLES.administrators, JSON.stringify({ [ROLE]: ['service-team:/shop/../'] })],
  [
    'a team of the control plane',
    'admin',
    VARIABLES.administrators,
    JSON.stringify({ [ROLE]: ['service-team:/postern/'] }),
  ],
  ['a team by a pattern', 'admin', VARIABLES.administrators, JSON.stringify({ [ROLE]: ['service-team:/*/'] })],
  ['a path of another role', 'admin', VARIABLES.administrators, JSON.stringify({ [ROLE]: ['operator:/shop/'] })],
  ['an administrator without a name', 'admin', VARIABLES.administrators, JSON.stringify({ '': ['auditor'] })],
  ['a function that nobody knows', 'rotate', VARIABLES.functionPrincipals, JSON.stringify({ [ROLE]: 'postern' })],
  [
    'a function by a name of every object',
    'rotate',
    VARIABLES.functionPrincipals,
    JSON.stringify({ [ROLE]: 'toString' }),
  ],
] as const)('%s stops the function', (_, name, variable, value) => {
  expect(changed(name, { [variable]: value })).toThrow(EnvironmentInvalid);
});

test('private ranges are for `acme` alone, and none are there when nothing is said', () => {
  expect(readEnvironment('acme', COMPLETE).acmeAllowedRanges).toEqual([]);
  const ranges = { [VARIABLES.acmeAllowedRanges]: '10.0.0.0/8,fd00:1::/48' };
  expect(changed('acme', ranges)().acmeAllowedRanges).toEqual(['10.0.0.0/8', 'fd00:1::/48']);
  expect(changed('publish', ranges)().acmeAllowedRanges).toEqual([]);
});

test('issuers on the same machine are for development, and nothing but `1` means that', () => {
  expect(readEnvironment('publish', COMPLETE).allowLoopbackIssuers).toBe(false);
  for (const [value, isAllowed] of [
    ['1', true],
    ['0', false],
    ['true', false],
  ] as const)
    expect(changed('publish', { [VARIABLES.allowLoopbackIssuers]: value })().allowLoopbackIssuers).toBe(isAllowed);
});

test('private networks may be asked where they are named, and a list with one that is none stops the function', () => {
  expect(readOutboundRanges(readEnvironment('publish', COMPLETE))).toEqual([]);
  const given = (value: string) => readOutboundRanges(changed('issue', { [VARIABLES.outboundRanges]: value })());
  expect(given('10.1.0.0/16, fd00:1::/48')).toEqual([
    { address: '10.1.0.0', prefix: 16, family: 'ipv4' },
    { address: 'fd00:1::', prefix: 48, family: 'ipv6' },
  ]);
  for (const value of ['10.1.0.0', 'true', '10.1.0.0/16,vpc']) expect(() => given(value)).toThrow(EnvironmentInvalid);
});

test('issuers have a name constraint where `rotate` is told so by `1`, and nowhere else', () => {
  expect(readEnvironment('rotate', COMPLETE).constrainIssuers).toBe(false);
  for (const [value, isAsked] of [
    ['1', true],
    ['true', false],
  ] as const)
    expect(changed('rotate', { [VARIABLES.constrainIssuers]: value })().constrainIssuers).toBe(isAsked);
});
