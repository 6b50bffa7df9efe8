import { describe, expect, test } from 'vitest';
import { ConfigurationInvalid, formatAdministrators, readConfiguration } from './configuration.ts';
import type { Context } from './context.ts';
import { FULL_CONTEXT, synthesiseForTest } from './testing/synthesised.ts';

/** The keys that are complained about, in order; a complaint begins with its key. */
function complaints(context: Context): string[] {
  try {
    readConfiguration(context);
    return [];
  } catch (fault) {
    if (!(fault instanceof ConfigurationInvalid)) throw fault;
    return [...fault.message.matchAll(/^ {2}`(\w+)`/gm)].map(([, key]) => key ?? '');
  }
}

const ROLE = 'arn:aws:iam::111122223333:role/team/admins';

describe('a configuration', () => {
  test('is the same as text from the command line and as JSON from a file', () => {
    const asText = {
      trustDomain: 'prod.example.org',
      administrators: JSON.stringify({ [ROLE]: ['operator', 'auditor'] }),
      enforcementPoints: `${ROLE}, arn:aws:iam::111122223333:role/b`,
      retain: 'false',
      allowLoopbackIssuers: 'true',
      outboundRanges: '10.1.0.0/16,fd00:1::/48',
    };
    const asJson = {
      trustDomain: 'prod.example.org',
      administrators: { [ROLE]: ['operator', 'auditor'] },
      enforcementPoints: [ROLE, 'arn:aws:iam::111122223333:role/b'],
      retain: false,
      allowLoopbackIssuers: true,
      outboundRanges: ['10.1.0.0/16', 'fd00:1::/48'],
    };
    expect(readConfiguration(asText)).toEqual(readConfiguration(asJson));
    expect(readConfiguration(asText).administrators).toEqual([
      { arn: ROLE, principal: 'arn:aws:iam::111122223333:role/admins', roles: ['operator', 'auditor'] },
    ]);
  });

  test('gives a team its paths, as the function reads them', () => {
    const { administrators } = readConfiguration({ administrators: { [ROLE]: ['service-team:/shop/', 'reader'] } });
    expect(JSON.parse(formatAdministrators(administrators))).toEqual({
      'arn:aws:iam::111122223333:role/admins': ['service-team:/shop/', 'reader'],
    });
  });

  test('is careful where nothing is said', () => {
    expect(readConfiguration({})).toEqual({
      stackName: 'Postern',
      trustDomain: 'postern.example',
      isTrustDomainNamed: false,
      administrators: [],
      enforcementPoints: [],
      ingestPrincipals: [],
      publicUrl: undefined,
      objectLock: 'governance',
      isRetained: true,
      allowLoopbackIssuers: false,
      outboundRanges: [],
      constrainIssuers: false,
      acmeAllowedRanges: [],
    });
  });

  test.each<[harm: string, context: Context, keys: string[]]>([
    ['a trust domain in capitals', { trustDomain: 'Prod.example.org' }, ['trustDomain']],
    [
      'a constraint to what is no host',
      { trustDomain: 'prod_1.example', constrainIssuers: true },
      ['constrainIssuers'],
    ],
    ['a constraint to an address', { trustDomain: '10.0.0.1', constrainIssuers: true }, ['constrainIssuers']],
    ['a private network that is none', { outboundRanges: '10.1.0.0/16, vpc' }, ['outboundRanges']],
    ['one without its length', { outboundRanges: ['10.1.0.0'] }, ['outboundRanges']],
    [
      'more private networks than fit',
      { outboundRanges: Array.from({ length: 11 }, (_, index) => `10.${index}.0.0/16`) },
      ['outboundRanges'],
    ],
    ['a range that is one address', { acmeAllowedRanges: '10.0.0.0/8,10.1.2.3' }, ['acmeAllowedRanges']],
    ['a trust domain with its scheme', { trustDomain: 'spiffe://prod.example.org' }, ['trustDomain']],
    ['a role that nobody has', { administrators: { [ROLE]: ['administrator'] } }, ['administrators']],
    ['a role beside one that nobody has', { administrators: { [ROLE]: ['operator', 'root'] } }, ['administrators']],
    ['a team without its path', { administrators: { [ROLE]: ['service-team'] } }, ['administrators']],
    ['a team of everything', { administrators: { [ROLE]: ['service-team:/'] } }, ['administrators']],
    ['a path that is not whole', { administrators: { [ROLE]: ['service-team:/shop'] } }, ['administrators']],
    ['an administrator without a role', { administrators: { [ROLE]: [] } }, ['administrators']],
    ['roles that are no list', { administrators: { [ROLE]: 'operator' } }, ['administrators']],
    ['administrators that are no JSON', { administrators: `${ROLE}=operator` }, ['administrators']],
    ['administrators that are a list', { administrators: [ROLE] }, ['administrators']],
    [
      'one role with two paths, of which one would win',
      { administrators: { [ROLE]: ['operator'], 'arn:aws:iam::111122223333:role/admins': ['reader'] } },
      ['administrators'],
    ],
    ['everybody as a proxy', { enforcementPoints: '*' }, ['enforcementPoints']],
    ['a list of numbers', { ingestPrincipals: [1] }, ['ingestPrincipals']],
    ['a public address without TLS', { publicUrl: 'http://postern.example.org' }, ['publicUrl']],
    ['a public address with a path', { publicUrl: 'https://example.org/postern' }, ['publicUrl']],
    ['a public address with a `/`, which no audience has', { publicUrl: 'https://example.org/' }, ['publicUrl']],
    ['a loopback address outside of development', { publicUrl: 'http://127.0.0.1:4566' }, ['publicUrl']],
    ['a lock that does not exist', { objectLock: 'compliant' }, ['objectLock']],
    ['a stack name that CloudFormation would refuse', { stackName: 'my_stack' }, ['stackName']],
    ['half a yes', { retain: 'yes' }, ['retain']],
    [
      'a misspelled key, which would lock everybody out',
      { administrator: { [ROLE]: ['operator'] } },
      ['administrator'],
    ],
    ['everything at once', { trustDomain: 'A', retain: 'x', owner: 'me' }, ['owner', 'trustDomain', 'retain']],
  ])('is refused with %s', (_harm, context, keys) => {
    expect(complaints(context)).toEqual(keys);
  });

  test('may have a loopback address in development, where a stand-in for AWS has no certificate', () => {
    const publicUrl = 'http://abc.execute-api.localhost:4566';
    expect(readConfiguration({ publicUrl, allowLoopbackIssuers: true }).publicUrl).toBe(publicUrl);
    expect(complaints({ publicUrl: 'http://localhost.example.org', allowLoopbackIssuers: true })).toEqual([
      'publicUrl',
    ]);
  });

  test('holds as many administrators as a function’s variables have room for, and says so of more', () => {
    const administrators = (count: number) => {
      const arns = Array.from({ length: count }, (_, index) => `arn:aws:iam::111122223333:role/administrator-${index}`);
      return Object.fromEntries(arns.map((arn) => [arn, ['security-administrator']]));
    };
    expect(complaints({ administrators: administrators(20) })).toEqual([]);
    expect(complaints({ administrators: administrators(40) })).toEqual(['administrators']);
    const most = readConfiguration({ administrators: administrators(20) }).administrators;
    expect(formatAdministrators(most).length).toBeLessThan(2_500);
  });

  test('is not spoiled by what the CDK keeps in its context', () => {
    const context = {
      '@aws-cdk/core:flag': true,
      'aws:cdk:bundling-stacks': ['**'],
      'cli-telemetry': false,
      'tree:x': 1,
    };
    expect(complaints(context)).toEqual([]);
  });
});

describe('a template without a name for its trust domain', () => {
  test('cannot be deployed: identities would be of an example, for good', () => {
    const { template } = synthesiseForTest({});
    expect(template.Rules?.['TrustDomainIsNamed']).toMatchObject({
      Assertions: [{ Assert: { 'Fn::Equals': ['example', 'named'] } }],
    });
    expect(template.Outputs['TrustDomain']?.Value).toBe('postern.example');
  });

  test('is one that nobody asked for', () => {
    expect(synthesiseForTest(FULL_CONTEXT).template.Rules?.['TrustDomainIsNamed']).toBeUndefined();
  });
});

test('several trust domains stand side by side in one account', () => {
  const names = ['Postern', 'Other'].map((stackName) => {
    const aliases = synthesiseForTest({ ...FULL_CONTEXT, stackName }).ofType('AWS::KMS::Alias');
    return aliases.map(({ Properties }) => Properties['AliasName'] as string);
  });
  expect(names[0]).toContain('alias/Postern/root');
  expect(names[1]).toContain('alias/Other/root');
});
