import { accessOf, FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { readEnvironment } from '@postern/functions/environment';
import { describe, expect, test } from 'vitest';
import { FULL_CONTEXT, synthesiseForTest, textOf } from './testing/synthesised.ts';

const { ofType, functionOf, idOf, postern } = synthesiseForTest(FULL_CONTEXT);

function variablesOf(name: FunctionName): Record<string, string> {
  const [found] = ofType('AWS::Lambda::Function').filter(({ id }) => functionOf({ Ref: id }) === name);
  const variables = found?.Properties['Environment']['Variables'] as Record<string, unknown>;
  return Object.fromEntries(Object.entries(variables).map(([variable, value]) => [variable, textOf(value)]));
}

/** As CloudFormation fills it in: origins where they are asked for, and a role's ARN for each role. */
function filledIn(variables: Record<string, string>): Record<string, string> {
  const fill = (text: string) =>
    text
      .replace(/<\w+\.(FunctionUrl|ApiEndpoint)>/g, 'https://id.example.org')
      .replace(/<(\w+Role\w+)\.Arn>/g, 'arn:aws:iam::111122223333:role/$1')
      .replace(/<(\w+)(\.\w+)?>/g, '$1');
  return Object.fromEntries(Object.entries(variables).map(([variable, text]) => [variable, fill(text)]));
}

describe('the variables of a function', () => {
  test.each(FUNCTION_NAMES)('are all that `%s` reads, and it reads all of them', (name) => {
    const variables = filledIn(variablesOf(name));
    const asked = new Set<string>();
    const watched = new Proxy<Record<string, string>>(
      { ...variables, AWS_REGION: 'eu-central-1' },
      { get: (values, variable: string) => asked.add(variable) && values[variable] },
    );
    const environment = readEnvironment(name, watched);
    expect(environment.trustDomain).toBe('prod.example.org');
    expect(Object.keys(variables).filter((variable) => !asked.has(variable))).toEqual([]);
  });

  test('name the keys of the function’s row by their ARNs', () => {
    const { POSTERN_KEY_ROOT, POSTERN_KEY_ASSERTION, POSTERN_KEY_RELEASE } = variablesOf('rotate');
    expect([POSTERN_KEY_ROOT, POSTERN_KEY_ASSERTION, POSTERN_KEY_RELEASE]).toEqual([
      expect.stringMatching(/^<PosternKeysroot\w+\.Arn>$/),
      expect.stringMatching(/^<PosternKeysassertion\w+\.Arn>$/),
      undefined,
    ]);
  });

  test('tell `rotate` the role of each function that asks it, in the form of the call', () => {
    const { functionPrincipals } = readEnvironment('rotate', {
      ...filledIn(variablesOf('rotate')),
      AWS_REGION: 'eu-central-1',
    });
    const askers = FUNCTION_NAMES.filter((name) => accessOf(name).asksRotate);
    const roles = askers.map((name) => `arn:aws:iam::111122223333:role/${idOf(postern.functionOf(name).role)}`);
    expect([...functionPrincipals]).toEqual(askers.map((name, index) => [roles[index], name]));
    // A path would be in the role's ARN and not in that of its session.
    for (const { Properties } of ofType('AWS::IAM::Role')) expect(Properties['Path']).toBeUndefined();
  });

  test('tell administrators without the path of their role, which their sessions do not carry', () => {
    for (const name of ['admin', 'publish', 'audit'] as const)
      expect(JSON.parse(variablesOf(name)['POSTERN_ADMINISTRATORS'] ?? '')).toEqual({
        'arn:aws:iam::111122223333:role/admins': ['security-administrator'],
      });
  });

  test('hold no secret: keys and secrets are named', () => {
    for (const name of FUNCTION_NAMES)
      for (const [variable, value] of Object.entries(variablesOf(name)))
        if (/SECRET|KEY/.test(variable)) expect(value).toMatch(/^<\w+(\.Arn)?>$/);
  });

  test('constrain issuers only where it is asked for, and tell `rotate` alone', () => {
    expect(variablesOf('rotate')['POSTERN_CONSTRAIN_ISSUERS']).toBeUndefined();
    const { text } = synthesiseForTest({ ...FULL_CONTEXT, constrainIssuers: 'true' });
    expect(text.split('"POSTERN_CONSTRAIN_ISSUERS":"1"')).toHaveLength(2);
  });

  test('let nobody be asked in a private network but where the deployment names it', () => {
    expect(variablesOf('publish')['POSTERN_OUTBOUND_RANGES']).toBeUndefined();
    const { text } = synthesiseForTest({ ...FULL_CONTEXT, outboundRanges: '10.1.0.0/16, fd00:1::/48' });
    expect(text.split('"POSTERN_OUTBOUND_RANGES":"10.1.0.0/16,fd00:1::/48"')).toHaveLength(3);
  });

  test('let providers be on a loopback address only where development asks for it', () => {
    expect(variablesOf('publish')['POSTERN_ALLOW_LOOPBACK_ISSUERS']).toBeUndefined();
    const { text } = synthesiseForTest({ ...FULL_CONTEXT, allowLoopbackIssuers: 'true' });
    expect(text).toContain('"POSTERN_ALLOW_LOOPBACK_ISSUERS":"1"');
  });
});
