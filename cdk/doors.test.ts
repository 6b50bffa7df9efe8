import { accessOf, FUNCTION_NAMES } from '@postern/functions/access';
import { FUNCTION_ROUTES, IAM_ROUTES, ROUTES } from '@postern/functions/routes';
import { describe, expect, test } from 'vitest';
import { FULL_CONTEXT, synthesiseForTest, textOf } from './testing/synthesised.ts';
import { DEFAULT_THROTTLE, ROUTE_THROTTLES } from './throttles.ts';

const { ofType, functionOf, template } = synthesiseForTest(FULL_CONTEXT);
const publicFunctions = FUNCTION_NAMES.filter((name) => accessOf(name).door === 'public');
const permissions = ofType('AWS::Lambda::Permission').map(({ Properties }) => {
  const { Action, FunctionName, Principal, SourceArn, FunctionUrlAuthType, InvokedViaFunctionUrl, ...others } =
    Properties;
  const source = SourceArn === undefined ? undefined : textOf(SourceArn);
  const condition = { FunctionUrlAuthType, InvokedViaFunctionUrl, source, others };
  return { action: Action, to: functionOf(FunctionName), principal: textOf(Principal), ...condition };
});

describe('the HTTP API', () => {
  test('lets through the routes of public functions, and no others', () => {
    const integrations = new Map(
      ofType('AWS::ApiGatewayV2::Integration').map(({ id, Properties }) => [`integrations/<${id}>`, Properties]),
    );
    const open = ofType('AWS::ApiGatewayV2::Route').map(({ Properties }) => {
      const integration = integrations.get(textOf(Properties['Target']));
      expect(integration?.['PayloadFormatVersion']).toBe('2.0');
      return `${functionOf(integration?.['IntegrationUri'])} ${Properties['RouteKey']}`;
    });
    const declared = publicFunctions.flatMap((name) =>
      ROUTES[name]
        .filter((route) => !FUNCTION_ROUTES.has(route))
        .map((route) => `${name} ${route.replace(/:(\w+)/g, '{$1}')}`),
    );
    expect(open.sort()).toEqual(declared.sort());
    expect(open.join()).not.toContain('$default');
  });

  test('asks IAM who calls where the call itself is the proof, and nowhere else', () => {
    const guarded = ofType('AWS::ApiGatewayV2::Route')
      .filter(({ Properties }) => (Properties['AuthorizationType'] ?? 'NONE') !== 'NONE')
      .map(({ Properties }) => [Properties['RouteKey'], Properties['AuthorizationType']]);
    expect(guarded).toEqual([...IAM_ROUTES].map((route) => [route, 'AWS_IAM']));
  });

  test('bounds each of them, and that of join tokens most', () => {
    const [stage, ...others] = ofType('AWS::ApiGatewayV2::Stage');
    expect(others).toEqual([]);
    const limits = ({ perSecond, burst }: { perSecond: number; burst: number }) => ({
      ThrottlingRateLimit: perSecond,
      ThrottlingBurstLimit: burst,
    });
    expect(stage?.Properties['DefaultRouteSettings']).toEqual(limits(DEFAULT_THROTTLE));
    const named = Object.entries(ROUTE_THROTTLES).map(
      ([route, throttle]) => [route.replace(/:(\w+)/g, '{$1}'), limits(throttle)] as const,
    );
    expect(stage?.Properties['RouteSettings']).toEqual(Object.fromEntries(named));
    const keys = ofType('AWS::ApiGatewayV2::Route').map(({ Properties }) => Properties['RouteKey']);
    for (const [route] of named) expect(keys, 'a bound of a route that is not there bounds nothing').toContain(route);
    const join = ROUTE_THROTTLES['POST /v1/agents/join'];
    for (const throttle of [DEFAULT_THROTTLE, ...Object.values(ROUTE_THROTTLES)])
      expect(throttle.perSecond).toBeGreaterThanOrEqual(join?.perSecond ?? Number.POSITIVE_INFINITY);
  });

  test('writes no query, path, header or credential into its log', () => {
    const [stage] = ofType('AWS::ApiGatewayV2::Stage');
    const { Format, DestinationArn } = stage?.Properties['AccessLogSettings'] ?? {};
    expect(textOf(DestinationArn)).toMatch(/^<PosternPublicApiAccessLog\w+\.Arn>$/);
    const variables = [...Format.matchAll(/\$context\.([\w.]+)/g)].map(([, name]) => name);
    expect(variables.filter((name) => /path|query|header|authoriz|userAgent|rawQuery/i.test(name))).toEqual([]);
    expect(variables).toContain('routeKey');
  });

  test('answers no page of another origin', () => {
    for (const { Properties } of ofType('AWS::ApiGatewayV2::Api'))
      expect(Properties['CorsConfiguration']).toBeUndefined();
  });
});

describe('function URLs', () => {
  test('are of the functions that IAM guards, and none is open', () => {
    const urls = ofType('AWS::Lambda::Url').map(({ Properties }) => [
      functionOf(Properties['TargetFunctionArn']),
      Properties['AuthType'],
      Properties['Cors'],
    ]);
    // `issue` is public, and has a door for `acme` besides.
    const guarded = [...FUNCTION_NAMES.filter((name) => accessOf(name).door === 'iam'), 'issue'];
    expect(urls.sort()).toEqual(guarded.map((name) => [name, 'AWS_IAM', undefined]).sort());
  });

  test('let in whom the configuration names, by the ARN with its path, through the URL only', () => {
    const named = permissions.filter(({ principal }) => principal.startsWith('arn:'));
    const admins = 'arn:aws:iam::111122223333:role/team/admins';
    const callers = [
      ['authorize', 'arn:aws:iam::111122223333:role/proxy'],
      ['authorize', 'arn:aws:iam::444455556666:role/other-account-proxy'],
      ['ingest', 'arn:aws:iam::111122223333:role/node'],
      ['admin', admins],
      ['publish', admins],
      ['audit', admins],
    ];
    const expected = callers.flatMap(([to, principal]) => [
      [to, principal, 'lambda:InvokeFunctionUrl', 'AWS_IAM', undefined],
      [to, principal, 'lambda:InvokeFunction', undefined, true],
    ]);
    const found = named.map(({ to, principal, action, FunctionUrlAuthType, InvokedViaFunctionUrl }) => [
      to,
      principal,
      action,
      FunctionUrlAuthType,
      InvokedViaFunctionUrl,
    ]);
    expect(found.map(String).sort()).toEqual(expected.map(String).sort());
  });
});

describe('a function is invoked past its URL, where the context could be forged,', () => {
  const direct = permissions.filter(({ action, InvokedViaFunctionUrl }) => {
    return action !== 'lambda:InvokeFunctionUrl' && InvokedViaFunctionUrl !== true;
  });

  test('by the HTTP API, on its own routes, and by its own schedule: by nobody else', () => {
    const apiId = ofType('AWS::ApiGatewayV2::Api')[0]?.id;
    const rules = new Map(
      ofType('AWS::Events::Rule').map(({ id, Properties }) => [
        `<${id}.Arn>`,
        functionOf(Properties['Targets'][0]['Arn']),
      ]),
    );
    for (const { to, principal, source, action } of direct) {
      expect(action).toBe('lambda:InvokeFunction');
      if (principal === 'events.amazonaws.com') expect(rules.get(source ?? '')).toBe(to);
      else {
        expect(principal).toBe('apigateway.amazonaws.com');
        expect(publicFunctions).toContain(to);
        const from = `arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<${apiId}>/*/*`;
        expect(source?.startsWith(from)).toBe(true);
        const paths = ROUTES[to!].map((route) => route.split(' ')[1]?.replace(/:(\w+)/g, '{$1}'));
        expect(paths).toContain(source?.slice(from.length));
      }
    }
    expect(direct.length).toBe(ofType('AWS::ApiGatewayV2::Route').length + rules.size);
  });

  test('and nothing in a permission is not judged here', () => {
    expect(permissions.filter(({ others }) => Object.keys(others).length > 0)).toEqual([]);
  });
});

describe('scheduled work', () => {
  test('comes as often as the row says, as a tick, and is not piled up', () => {
    const rules = ofType('AWS::Events::Rule').map(({ Properties }) => {
      const [target, ...others] = Properties['Targets'];
      expect(others).toEqual([]);
      expect(JSON.parse(target['Input'])).toEqual({ postern: 'tick' });
      expect(target['RetryPolicy']).toEqual({ MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 });
      return `${functionOf(target['Arn'])} ${Properties['ScheduleExpression']} ${Properties['State']}`;
    });
    const declared = FUNCTION_NAMES.flatMap((name) => {
      const { tickMinutes } = accessOf(name);
      const rate = tickMinutes === 1 ? 'rate(1 minute)' : `rate(${tickMinutes} minutes)`;
      return tickMinutes === undefined ? [] : [`${name} ${rate} ENABLED`];
    });
    expect(rules.sort()).toEqual(declared.sort());
    const invocations = ofType('AWS::Lambda::EventInvokeConfig').map(
      ({ Properties }) => Properties['MaximumRetryAttempts'],
    );
    expect(invocations).toEqual(declared.map(() => 0));
  });
});

test('the outputs are those that the command line reads', () => {
  expect(Object.keys(template.Outputs)).toEqual([
    'Region',
    'TrustDomain',
    'PublicUrl',
    'AdminUrl',
    'PublishUrl',
    'AuditUrl',
    'AuthorizeUrl',
    'IngestUrl',
    'RotateFunction',
  ]);
  expect(textOf(template.Outputs['PublicUrl']?.Value)).toMatch(/^<PosternPublicApi\w+\.ApiEndpoint>$/);
});
