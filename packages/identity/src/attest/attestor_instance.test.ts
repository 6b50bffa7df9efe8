import { describe, expect, test } from 'vitest';
import { ATTESTOR_KINDS, checkAttestorInput } from './attestor_instance.ts';
import { ATTESTORS } from './attestors.ts';
import { createCertificate, missingOpenSsl } from './testing/openssl.ts';

const audience = 'https://postern.demo.test';
const ISSUER = 'https://token.actions.githubusercontent.com';
const check = (input: object): string => {
  const checked = checkAttestorInput({ name: 'test', makes: 'workload', ...input }, { audience });
  return checked.ok ? 'good' : `${checked.reason} ${checked.detail ?? ''}`.trim();
};

const GOOD = {
  'aws-iam': { accounts: ['123456789012'] },
  'aws-sts': { issuers: { '123456789012': 'https://a.tokens.sts.global.api.aws' }, organization: 'o-abc1234567' },
  'aws-ec2': { accounts: ['123456789012'], regions: ['eu-central-1', 'us-gov-west-1'], maxAgeSeconds: 300 },
  k8s: { issuer: 'https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE' },
  oidc: { issuer: ISSUER, required: { repository_owner_id: ['65'] }, claims: { ref: 'ref' } },
  'x509-svid': { renews: ['ci'] },
  'join-token': {},
} as const;

test.each(ATTESTOR_KINDS)('an instance of kind %s is made of its own settings and no others', (kind) => {
  expect(check({ kind, ...GOOD[kind] })).toBe('good');
  expect(check({ kind, ...GOOD[kind], password: 'x' })).toBe('attestor-member `password` is not known here');
  expect(ATTESTORS[kind].proves).not.toBe('');
});

describe('an instance is refused', () => {
  const rows: [what: string, input: object, reason: string][] = [
    ['of an unknown kind', { kind: 'tpm' }, 'attestor-member `kind`'],
    ['of a kind that every object has', { kind: 'toString' }, 'attestor-member `kind`'],
    ['with a name that is a path', { kind: 'join-token', name: 'a/b' }, 'attestor-member `name`'],
    ['without name', { kind: 'join-token', name: '' }, 'attestor-member `name`'],
    ['with a name beyond one label', { kind: 'join-token', name: 'a'.repeat(64) }, 'attestor-member `name`'],
    ['that makes both', { kind: 'join-token', makes: 'both' }, 'attestor-member `makes`'],
    [
      'for agents that anybody with a role would be',
      { kind: 'aws-iam', ...GOOD['aws-iam'], makes: 'agent', agentName: '{aws:role}' },
      'attestor-makes `aws-iam` makes no agent',
    ],
    ['for agents without a name', { kind: 'join-token', makes: 'agent' }, 'attestor-agent-name goes with makes: agent'],
    [
      'for workloads with an agent’s name',
      { kind: 'join-token', agentName: '{join:name}' },
      'attestor-agent-name goes with makes: agent',
    ],
    ['for any account', { kind: 'aws-iam', accounts: [] }, 'attestor-member `accounts`'],
    ['for an account by its name', { kind: 'aws-iam', accounts: ['*'] }, 'attestor-member `accounts`'],
    [
      'with an STS issuer in clear text',
      { kind: 'aws-sts', issuers: { '123456789012': 'http://sts.test' } },
      'attestor-member `issuers`',
    ],
    [
      'with an issuer that has a password',
      { kind: 'oidc', ...GOOD.oidc, issuer: 'https://a:b@c.test' },
      'attestor-member `issuer`',
    ],
    [
      'with an issuer and a query',
      { kind: 'oidc', ...GOOD.oidc, issuer: 'https://c.test/?a=b' },
      'attestor-member `issuer`',
    ],
    [
      'with an issuer that is a file',
      { kind: 'oidc', ...GOOD.oidc, issuer: 'file:///etc/passwd' },
      'attestor-member `issuer`',
    ],
    ['that trusts ourselves', { kind: 'oidc', ...GOOD.oidc, issuer: `${audience}/` }, 'attestor-own-issuer'],
    ['for every job of a provider', { kind: 'oidc', ...GOOD.oidc, required: {} }, 'attestor-member `required`'],
    ['with a MAC', { kind: 'oidc', ...GOOD.oidc, algorithms: ['HS256'] }, 'attestor-member `algorithms`'],
    ['with no algorithm', { kind: 'oidc', ...GOOD.oidc, algorithms: [] }, 'attestor-member `algorithms`'],
    ['with `none`', { kind: 'oidc', ...GOOD.oidc, algorithms: ['none'] }, 'attestor-member `algorithms`'],
    [
      'whose proofs are good for a week',
      { kind: 'oidc', ...GOOD.oidc, maxAgeSeconds: 604_800 },
      'attestor-member `maxAgeSeconds`',
    ],
    [
      'of a cluster that nobody vouches for',
      { kind: 'k8s' },
      'attestor-review give `review`, or `issuer` where the API server cannot be reached',
    ],
    [
      'with an API server in clear text',
      { kind: 'k8s', review: { url: 'http://127.0.0.1:1', tokenSecret: 'a' } },
      'attestor-review https',
    ],
    [
      'whose secret is a path',
      { kind: 'k8s', review: { url: 'https://a.test', tokenSecret: '../keys/root' } },
      'attestor-member `review`',
    ],
    [
      'with a secret in it',
      { kind: 'k8s', review: { url: 'https://a.test', tokenSecret: 'a', token: 'eyJ' } },
      'attestor-member `review`',
    ],
    [
      'for nodes that any pod could be',
      { kind: 'k8s', ...GOOD.k8s, makes: 'agent', agentName: '{k8s:node}' },
      'attestor-service-accounts name those of the agents',
    ],
    [
      'with a certificate that is none',
      {
        kind: 'aws-ec2',
        ...GOOD['aws-ec2'],
        certificates: { 'test-east-1': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----' },
      },
      'attestor-member `certificates`',
    ],
  ];
  test.each(rows)('%s', (_, input, reason) => {
    expect(check(input)).toBe(reason);
  });
});

test('nodes are named by verified claims', () => {
  expect(
    check({ kind: 'aws-ec2', ...GOOD['aws-ec2'], makes: 'agent', agentName: '{aws:account}-{aws:instance}' }),
  ).toBe('good');
  expect(check({ kind: 'oidc', ...GOOD.oidc, makes: 'agent', agentName: '{oidc:ref}' })).toBe('good');
  expect(check({ kind: 'oidc', ...GOOD.oidc, makes: 'agent', agentName: '{oidc:sha}' })).toMatch(
    /^attestor-agent-name/,
  );
  expect(
    check({ kind: 'k8s', ...GOOD.k8s, makes: 'agent', agentName: '{k8s:node}', serviceAccounts: ['postern/agent'] }),
  ).toBe('good');
});

test.skipIf(missingOpenSsl !== undefined)('a Region that is not built in is added by its certificate', () => {
  const certificates = { 'mars-east-1': createCertificate().certificate };
  expect(check({ kind: 'aws-ec2', ...GOOD['aws-ec2'], certificates })).toBe('good');
});
