import { describe, expect, test } from 'vitest';
import { PAYMENTS_FILES } from '../testing/index.ts';
import {
  type Compilation,
  type CompileProblem,
  checkRepository,
  compileRelease,
  formatProblems,
  type ProblemCode,
} from './index.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const SHOP = `name: shop
owner: shop
hosts: [shop.demo.test]
enforcementPoints: [spiffe://demo.test/shop]
`;
const PAYMENTS = PAYMENTS_FILES['services/payments.yaml'] ?? '';

function compile(files: { readonly [path: string]: string }): Compilation {
  const all = new Map(Object.entries({ ...PAYMENTS_FILES, 'services/shop.yaml': SHOP, ...files }));
  return compileRelease({ files: all, trustDomain: 'demo.test', number: 7, nowMs: NOW, nextSigners: [] });
}

function problemsOf(files: { readonly [path: string]: string }): readonly CompileProblem[] {
  const compiled = compile(files);
  return compiled.ok ? compiled.warnings : compiled.problems;
}

function releaseOf(files: { readonly [path: string]: string }) {
  const compiled = compile(files);
  if (!compiled.ok) throw new Error(formatProblems(compiled.problems, 'text'));
  return compiled.release;
}

describe('a mistake is found before it is published, at its place', () => {
  const org = (text: string) => ({ 'org/a.cedar': text });
  const finance = (text: string) => ({ 'teams/finance/a.cedar': text });
  const payments = (from: string | RegExp, to: string) => ({ 'services/payments.yaml': PAYMENTS.replace(from, to) });
  const proxy = (id: string) => payments(/enforcementPoints: .*/, `enforcementPoints: ['${id}']`);
  const settings = (text: string) => ({ 'postern.yaml': `teams: { finance: {}, shop: {} }\n${text}` });

  type Row = [name: string, files: { readonly [path: string]: string }, code: ProblemCode, place: string];
  const rows: Row[] = [
    ['a guardrail in a misspelt folder', { 'orgs/a.cedar': '' }, 'file-unexpected', 'orgs/a.cedar:1:1'],
    ['a guardrail with a misspelt ending', { 'org/a.ceder': '' }, 'file-unexpected', 'org/a.ceder:1:1'],
    ['a path that climbs', { 'org/../a.cedar': '' }, 'file-unexpected', 'org/../a.cedar:1:1'],
    ['a team policy without team', { 'teams/a.cedar': '' }, 'file-unexpected', 'teams/a.cedar:1:1'],
    ['a team nobody declared', { 'teams/finanse/a.cedar': '' }, 'team-unknown', 'teams/finanse/a.cedar:1:1'],
    ['half of a surrogate pair in a policy', org('permit\n"\ud800"'), 'file-encoding', 'org/a.cedar:2:2'],
    [
      'half of a surrogate pair in a test',
      { 'tests/a.yaml': 'tests: [] # \udc00' },
      'file-encoding',
      'tests/a.yaml:1:13',
    ],
    [
      'a set that a decision point would not read',
      org(`// much\npermit (principal, action, resource) when { [${Array(100_000).fill('1')}].contains(1) };`),
      'policy-not-loadable',
      'org/a.cedar:2:1',
    ],
    [
      'a sum that a decision point would not read',
      org(`permit (principal, action, resource) when { 0 < 1${' + 1'.repeat(500)} };`),
      'policy-not-loadable',
      'org/a.cedar:1:1',
    ],
    [
      'an annotation that is a key of the prototype',
      org('@__proto__("x") permit (principal, action, resource);'),
      'policy-not-loadable',
      'org/a.cedar:1:1',
    ],
    [
      'YAML that does not parse',
      { 'services/payments.yaml': 'name: [payments' },
      'yaml-malformed',
      'services/payments.yaml:1:16',
    ],
    [
      'a key given twice',
      payments('owner: finance', 'owner: finance\nowner: shop'),
      'yaml-malformed',
      'services/payments.yaml:3:1',
    ],
    [
      'an alias',
      payments('[payments.demo.test]', '&h [payments.demo.test]'),
      'yaml-feature',
      'services/payments.yaml:3:11',
    ],
    ['a tag', payments('user: optional', 'user: !role optional'), 'yaml-malformed', 'services/payments.yaml:6:7'],
    [
      'nesting without end',
      { 'services/payments.yaml': '['.repeat(100_000) },
      'yaml-malformed',
      'services/payments.yaml:1:',
    ],
    ['a misspelt key', payments('user: optional', 'users: optional'), 'yaml-key-unknown', 'services/payments.yaml:6:1'],
    [
      'a key of the prototype',
      payments('user: optional', '__proto__: optional'),
      'yaml-key-unknown',
      'services/payments.yaml:6:1',
    ],
    ['a missing key', payments('owner: finance\n', ''), 'yaml-key-missing', 'services/payments.yaml:1:1'],
    ['a value of another kind', payments('optional', 'sometimes'), 'yaml-value', 'services/payments.yaml:6:7'],
    [
      'a host with a port',
      payments('hosts: [payments.demo.test]', 'hosts: ["payments.demo.test:80"]'),
      'yaml-value',
      'services/payments.yaml:3:9',
    ],
    [
      'a host in capitals, which no request would match',
      payments('[payments.demo', '[Payments.demo'),
      'yaml-value',
      'services/payments.yaml:3:9',
    ],
    [
      'an identity of another trust domain',
      payments('spiffe://demo.test/payments', 'spiffe://evil.test/payments'),
      'yaml-value',
      'services/payments.yaml:4:13',
    ],
    ['an enforcement point that is no identity', proxy('proxy'), 'yaml-value', 'services/payments.yaml:5:21'],
    [
      'a role with its path, which no call that it signs would tell',
      proxy('arn:aws:iam::123456789012:role/team/proxy'),
      'yaml-value',
      'services/payments.yaml:5:21',
    ],
    [
      'a session of a role, which is another at every start',
      proxy('arn:aws:sts::123456789012:assumed-role/proxy/i-0'),
      'yaml-value',
      'services/payments.yaml:5:21',
    ],
    ['a role of no account', proxy('arn:aws:iam:::role/proxy'), 'yaml-value', 'services/payments.yaml:5:21'],
    ['every role', proxy('arn:aws:iam::123456789012:role/*'), 'yaml-value', 'services/payments.yaml:5:21'],
    [
      'a role whose name is too long to be one',
      proxy(`arn:aws:iam::123456789012:role/${'r'.repeat(65)}`),
      'yaml-value',
      'services/payments.yaml:5:21',
    ],
    [
      'an item listed twice',
      payments('[payments.demo.test]', '[a.test, a.test]'),
      'yaml-value',
      'services/payments.yaml:3:17',
    ],
    [
      'a service named unlike its file',
      payments('name: payments', 'name: payment'),
      'service-name',
      'services/payments.yaml:1:7',
    ],
    ['an owner that is no team', payments('finance', 'finanse'), 'service-owner-unknown', 'services/payments.yaml:2:8'],
    [
      'one workload, two teams',
      { 'services/shop.yaml': `${SHOP}spiffeIds: [spiffe://demo.test/payments]\n` },
      'spiffe-id-shared',
      'services/shop.yaml:1:7',
    ],
    [
      'observation without an end',
      payments('user:', 'mode: observe\nuser:'),
      'observe-end',
      'services/payments.yaml:1:7',
    ],
    [
      'observation for longer than 30 days',
      payments('user:', 'mode: observe\nobserveUntil: 2026-02-05T00:00:00Z\nuser:'),
      'observe-end',
      'services/payments.yaml:7:15',
    ],
    [
      'observation that is over',
      payments('user:', 'mode: observe\nobserveUntil: 2026-01-05T00:00:00Z\nuser:'),
      'observe-end',
      'services/payments.yaml:7:15',
    ],
    [
      'a time zone nobody knows',
      payments('user:', 'timeZone: Mars/Olympus\nuser:'),
      'yaml-value',
      'services/payments.yaml:6:11',
    ],
    [
      'a route no request can match',
      payments('/refunds', '/x/../refunds'),
      'route-invalid',
      'services/payments.yaml:8:5',
    ],
    [
      'two routes for one request',
      payments('[GET], path: /balance', '[POST], path: /refunds'),
      'route-conflict',
      'services/payments.yaml:9:5',
    ],
    [
      'an action that means two things',
      payments('action: balance', 'action: refund'),
      'action-ambiguous',
      'services/payments.yaml:9:5',
    ],
    [
      'an action named like a group',
      payments('groups: [read]', 'groups: [refund]'),
      'action-ambiguous',
      'services/payments.yaml:8:5',
    ],
    [
      'a parent that is no team',
      { 'postern.yaml': 'teams: { finance: { parent: x }, shop: {} }' },
      'team-unknown',
      'postern.yaml:1:10',
    ],
    [
      'a team above itself',
      { 'postern.yaml': 'teams: { finance: { parent: shop }, shop: { parent: finance } }' },
      'team-cycle',
      'postern.yaml:1:10',
    ],
    [
      'an issuer over plain http',
      settings('issuers: [{ issuer: "http://id.test", audiences: [a], algorithms: [ES256] }]'),
      'yaml-value',
      'postern.yaml:2:21',
    ],
    [
      'an algorithm with a shared key',
      settings('issuers: [{ issuer: "https://id.test", audiences: [a], algorithms: [HS256] }]'),
      'yaml-value',
      'postern.yaml:2:69',
    ],
    [
      'a policy that does not parse',
      org('// è\npermit (principal, action, resource) when { 1 + };'),
      'policy-malformed',
      'org/a.cedar:2:49',
    ],
    ['a policy that does not end', org('permit (principal, action, resource)'), 'policy-malformed', 'org/a.cedar:1:37'],
    [
      'the second of two',
      org('permit (principal, action, resource);\n\nforbid (principle, action, resource);'),
      'policy-malformed',
      'org/a.cedar:3:9',
    ],
    ['a template', org('permit (principal == ?principal, action, resource);'), 'policy-template', 'org/a.cedar:1:1'],
    [
      'two policies of one id',
      org('@id("a") permit (principal, action, resource);\n@id("a") forbid (principal, action, resource);'),
      'policy-id-duplicate',
      'org/a.cedar:2:1',
    ],
    [
      'an id that breaks a log line',
      org('@id("a\\nb") permit (principal, action, resource);'),
      'policy-id',
      'org/a.cedar:1:1',
    ],
    [
      'a challenge nobody understands',
      org('@challenge("dance") forbid (principal, action, resource);'),
      'policy-annotation',
      'org/a.cedar:1:1',
    ],
    [
      'a challenge on a permit',
      org('@challenge("step-up:1") permit (principal, action, resource);'),
      'policy-annotation',
      'org/a.cedar:1:1',
    ],
    [
      'an audience that there is not',
      org('@tell("everybody") permit (principal, action, resource);'),
      'policy-annotation',
      'org/a.cedar:1:1',
    ],
    [
      'an obligation on a forbid',
      org('@obligation("x") forbid (principal, action, resource);'),
      'policy-annotation',
      'org/a.cedar:1:1',
    ],
    ...['log', 'set-header:X-Upper=1', 'set-header:x-a', 'set-header:host=a.test', 'remove-header:x-postern-user'].map(
      (obligation): Row => [
        `an obligation that no decision point meets: ${obligation}`,
        org(
          `permit (principal, action, resource);\n@obligation("${obligation}")\npermit (principal, action, resource);`,
        ),
        'policy-annotation',
        'org/a.cedar:2:1',
      ],
    ),
    ...['step-up:0', 'step-up', 'step-up:-1', 'step-up:1e3', 'step-up:999999999'].map(
      (challenge): Row => [
        `a challenge that nobody can meet: ${challenge}`,
        finance(`\n  @id("c") @challenge("${challenge}") forbid (principal, action, resource);`),
        'policy-annotation',
        'teams/finance/a.cedar:2:3',
      ],
    ),
    [
      'an attribute that does not exist',
      org('// "é";\npermit (principal, action, resource)\nwhen { "ü" == "ü" && context.devise };'),
      'policy-invalid',
      'org/a.cedar:3:22',
    ],
    [
      'an optional attribute without asking for it',
      org('permit (principal, action, resource) when { context.device.compliant };'),
      'policy-invalid',
      'org/a.cedar:1:45',
    ],
    [
      'an action that no service has',
      org('permit (principal, action == Action::"payments:refnd", resource);'),
      'policy-invalid',
      'org/a.cedar:1:30',
    ],
    [
      'an operand of the wrong type',
      org('permit (principal, action, resource) when { context.local.hour like "1*" };'),
      'policy-invalid',
      'org/a.cedar:1:45',
    ],
    [
      'a schema that does not parse',
      { 'schema.cedarschema': 'entity Case {\n  id String };' },
      'schema-malformed',
      'schema.cedarschema:2:6',
    ],
    [
      'a schema that names what is not there',
      { 'schema.cedarschema': '\nentity Case in [Nothing];' },
      'schema-malformed',
      'schema.cedarschema:2:17',
    ],
    [
      'a schema that takes a name of the model',
      { 'schema.cedarschema': 'entity Workload;' },
      'schema-malformed',
      'schema.cedarschema:1:1',
    ],
    [
      'a team that grants itself another service',
      finance('permit (principal, action, resource == Service::"shop");'),
      'team-policy-outside',
      'teams/finance/a.cedar:1:1',
    ],
    [
      'the same through a team',
      finance('permit (principal, action, resource in Team::"shop");'),
      'team-policy-outside',
      'teams/finance/a.cedar:1:1',
    ],
    [
      'the same through an action',
      finance('permit (principal, action == Action::"shop:get", resource);'),
      'team-policy-outside',
      'teams/finance/a.cedar:1:1',
    ],
    [
      'the same through a condition',
      finance('\n permit (principal, action, resource) when { resource == Service::"shop" };'),
      'team-policy-outside',
      'teams/finance/a.cedar:2:2',
    ],
    [
      'the same through a set',
      finance(
        'permit (principal, action, resource) when { true && action in [Action::"shop:get", Action::"shop:put"] };',
      ),
      'team-policy-outside',
      'teams/finance/a.cedar:1:1',
    ],
    [
      'a service that does not exist',
      finance('permit (principal, action, resource == Service::"paymints");'),
      'service-unknown',
      'teams/finance/a.cedar:1:40',
    ],
    [
      'a guardrail for a service that does not exist',
      org('// Service::"paymints"\nforbid (principal, action, resource == Service::"paymints");'),
      'service-unknown',
      'org/a.cedar:2:40',
    ],
    [
      'an exception for a service that does not exist',
      org('forbid (principal, action, resource)\nunless { resource in [Service::"payments", Service :: "paymints"] };'),
      'service-unknown',
      'org/a.cedar:2:44',
    ],
    [
      'a service that does not exist, in a record of a condition, by another spelling',
      org('forbid (principal, action, resource) when { {"a": Service::"\\u{70}ay"}.a == resource };'),
      'service-unknown',
      'org/a.cedar:1:1',
    ],
    [
      'a guardrail for the services of a team that does not exist',
      org('forbid (principal, action, resource in Team::"finanse");'),
      'team-unknown',
      'org/a.cedar:1:40',
    ],
    [
      'an exception for workloads of a team that does not exist',
      org('forbid (principal, action, resource) unless { principal in Team::"finanse" };'),
      'team-unknown',
      'org/a.cedar:1:60',
    ],
    [
      'a team that owns nothing',
      {
        'postern.yaml': 'teams: { finance: {}, shop: {}, idle: {} }',
        'teams/idle/a.cedar': 'permit (principal, action, resource);',
      },
      'team-policy-outside',
      'teams/idle/a.cedar:1:1',
    ],
  ];
  test.each(rows)('%s', (_name, files, code, place) => {
    const compiled = compile(files);
    expect(compiled.ok).toBe(false);
    const found = problemsOf(files).filter((it) => it.code === code);
    const places = found.map((it) => `${it.file}:${it.line}:${it.column}`);
    // Where the YAML parser gives up depends on the size of the stack.
    expect(places).toContainEqual(place.endsWith(':') ? expect.stringContaining(place) : place);
  });

  const warned: [name: string, files: { readonly [path: string]: string }, code: ProblemCode][] = [
    [
      'a guardrail for a team that owns nothing',
      {
        'postern.yaml': 'teams: { finance: {}, shop: {}, idle: {} }',
        ...org('forbid (principal, action, resource in Team::"idle");'),
      },
      'policy-never-applies',
    ],
    [
      'a guardrail that contradicts itself',
      org('forbid (principal is User, action, resource) when { principal is Workload };'),
      'policy-impossible',
    ],
  ];
  test.each(warned)('%s is pointed out', (_name, files, code) => {
    const compiled = compile(files);
    expect(compiled.ok && compiled.warnings.map((it) => it.code)).toContain(code);
  });

  test('names of services, teams and actions that are nearly right are told which is meant', () => {
    const near: [files: { readonly [path: string]: string }, message: string][] = [
      [
        org('permit (principal, action, resource == Service::"paymints");'),
        'there is no service `paymints`; did you mean `payments`?',
      ],
      [org('permit (principal, action, resource == Service::"ledger");'), 'there is no service `ledger`'],
      [
        org('permit (principal, action, resource in Team::"finanse");'),
        'there is no team `finanse`; did you mean `finance`?',
      ],
      [payments('owner: finance', 'owner: finanse'), 'there is no team `finanse`; did you mean `finance`?'],
      [{ 'teams/finanse/a.cedar': '' }, 'there is no team `finanse`; did you mean `finance`?'],
      [
        { 'postern.yaml': 'teams: { finance: { parent: compny }, company: {}, shop: {} }' },
        'there is no team `compny`; did you mean `company`?',
      ],
      [
        org('permit (principal, action == Action::"payments:refnd", resource);'),
        'unrecognized action `Action::"payments:refnd"`; did you mean `Action::"payments:refund"`?',
      ],
      [
        org('permit (principal, action in Action::"wirte", resource);'),
        'unrecognized action `Action::"wirte"`; did you mean `Action::"write"`?',
      ],
      [
        org('permit (principal, action == Action::"payments:delete", resource);'),
        'unrecognized action `Action::"payments:delete"`',
      ],
    ];
    for (const [files, message] of near) expect(problemsOf(files).map((it) => it.message)).toContain(message);
  });

  test('too many files and too much text are refused before they are read', () => {
    const many = Object.fromEntries(Array.from({ length: 5001 }, (_, index) => [`org/${index}.cedar`, '']));
    expect(problemsOf(many)).toMatchObject([{ code: 'files-too-many' }]);
    expect(problemsOf(org(' '.repeat(16 * 1024 * 1024)))).toMatchObject([{ code: 'files-too-large' }]);
  });

  test('why a repository is refused is shown, however many warnings there are', () => {
    const hidden = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`org/.a${index}.cedar`, '']));
    const problems = problemsOf({ ...hidden, ...org('permit (principal, actoin, resource);') });
    expect(problems).toHaveLength(200);
    expect(problems.slice(0, 2).map((it) => it.code)).toEqual(['policy-malformed', 'file-hidden']);
    expect(problemsOf({ ...hidden, ...org(';'.repeat(250)) }).map((it) => it.code)).toEqual(
      Array(200).fill('policy-malformed'),
    );
  });

  test('policies that can be read are checked beside those that cannot', () => {
    const text = `permit (principal, actoin, resource);
@id("a") permit (principal, action, resource == Service::"paymints");
@id("a") permit (principal, action, resource);
permit (principal, action == Action::"payments:refnd", resource);`;
    expect(problemsOf(org(text)).map((it) => `${it.code} ${it.line}`)).toEqual([
      'policy-malformed 1',
      'service-unknown 2',
      'policy-id-duplicate 3',
      'policy-invalid 4',
    ]);
  });

  test('a key that is nearly right is told which is meant, beside all that there are', () => {
    const [problem] = problemsOf(payments('user: optional', 'uesr: optional'));
    expect(problem?.message).toMatch(/^unknown key; did you mean `user`\? known are `name`, `owner`, .*`user`/);
    expect(problemsOf(payments('user: optional', 'person: optional'))[0]?.message).toMatch(/^unknown key; known are/);
  });

  test('all mistakes of one run are shown, errors first', () => {
    const problems = problemsOf({
      ...payments('user: optional', 'users: optional'),
      ...org('permit (principle, action, resource);\npermit (principal, actoin, resource);'),
    });
    expect(problems.map((it) => it.code)).toEqual(
      ['policy-malformed', 'policy-malformed', 'service-owner', 'yaml-key-unknown'].filter(
        (code) => code !== 'service-owner',
      ),
    );
  });
});

describe('what a release holds', () => {
  const policies = {
    'org/a.cedar':
      '// guardrail\n@id("g") @reason("because") @flag\nforbid (principal is Anonymous, action in Action::"write", resource);',
    'teams/finance/a.cedar': `permit (principal, action, resource);
permit (principal, action, resource is Service); permit (principal, action, resource == Service::"payments") when { true };`,
    'teams/company/deep/b.cedar': 'permit (principal, action, resource in Team::"company");',
  };

  test('guardrails as written, policies of teams tied to what the team owns', () => {
    const release = releaseOf(policies);
    const rows = release.policies.map(({ id, level, team, file, line, json }) => {
      const { resource, conditions } = json as { resource: unknown; conditions: readonly unknown[] };
      return { id, level, team, place: `${file}:${line}`, resource, conditions: conditions.length };
    });
    const entity = { type: 'Team', id: 'finance' };
    expect(rows).toMatchObject([
      { id: 'g', level: 'org', place: 'org/a.cedar:2', resource: { op: 'All' }, conditions: 0 },
      { level: 'team', team: 'company', place: 'teams/company/deep/b.cedar:1', resource: { op: 'in' }, conditions: 1 },
      {
        id: 'teams/finance/a.cedar:1:1',
        level: 'team',
        team: 'finance',
        resource: { op: 'in', entity },
        conditions: 0,
      },
      {
        id: 'teams/finance/a.cedar:2:1',
        resource: { op: 'is', entity_type: 'Service', in: { entity } },
        conditions: 0,
      },
      { id: 'teams/finance/a.cedar:2:50', resource: { op: '==' }, conditions: 2 },
    ]);
    expect(release.policies[0]?.annotations).toEqual({ id: 'g', reason: 'because', flag: '' });
  });

  test('equal content has an equal digest, whatever its number; other content has another', () => {
    const files = new Map(Object.entries({ ...PAYMENTS_FILES, 'services/shop.yaml': SHOP, ...policies }));
    const digest = (number: number, nowMs: number, changed?: string) => {
      const all = changed === undefined ? files : new Map([...files, ['org/a.cedar', changed]]);
      const compiled = compileRelease({ files: all, trustDomain: 'demo.test', number, nowMs, nextSigners: [] });
      return compiled.ok && compiled.release.contentDigest;
    };
    expect(digest(1, NOW)).toBe(digest(9, NOW + 1000));
    expect(digest(1, NOW)).not.toBe(digest(1, NOW, 'forbid (principal, action, resource);'));
  });

  test('text in strings and comments ends no policy', () => {
    const text = '// a; b "\npermit (principal, action, resource) when { ";\\"; // x" == ";" }; // end;\n// "tail';
    expect(releaseOf({ 'org/a.cedar': text }).policies).toMatchObject([{ id: 'org/a.cedar:2:1' }]);
  });

  test('services get what the design says when they do not say it', () => {
    const shop = releaseOf({}).services.find(({ name }) => name === 'shop');
    expect(shop).toEqual({
      name: 'shop',
      owner: 'shop',
      hosts: ['shop.demo.test'],
      spiffeIds: [],
      enforcementPoints: ['spiffe://demo.test/shop'],
      user: 'required',
      assurance: ['certificate'],
      pathParameters: 'reject',
      mode: 'enforce',
      whenStale: 'deny',
      feedStaleAfterSeconds: 300,
      identityHeaders: true,
      routes: [],
    });
  });

  test.each([
    'arn:aws:iam::123456789012:role/proxy',
    'arn:aws-us-gov:iam::123456789012:role/proxy',
    `arn:aws-cn:iam::123456789012:role/A_+=,.@-${'r'.repeat(56)}`,
  ])('the role of a proxy that asks through a function URL is an enforcement point: %s', (arn) => {
    const shop = SHOP.replace('spiffe://demo.test/shop', `'${arn}'`);
    const { services } = releaseOf({ 'services/shop.yaml': shop });
    expect(services.find(({ name }) => name === 'shop')?.enforcementPoints).toEqual([arn]);
  });

  test("a user's own schema may name further types", () => {
    const files = {
      'schema.cedarschema': 'entity Case { open: Bool };',
      'org/a.cedar': 'permit (principal, action, resource) when { Case::"1".open };',
    };
    expect(releaseOf(files).schema).toContain('entity Case');
  });
});

describe('problems for readers', () => {
  const problems = problemsOf({
    'org/a.cedar': 'permit (principal, action, resource)\nwhen { \u001b[31mcontext.nope };',
  });

  test('text points to the place and cannot drive a terminal', () => {
    const text = formatProblems(problems, 'text');
    expect(text).toMatch(/^org\/a\.cedar:2:8: error: .* \[policy-malformed\]\n {2}when \{ {2}\[31m/);
    expect(text).not.toContain('\u001b');
  });

  test('json is the list itself', () => {
    expect(JSON.parse(formatProblems(problems, 'json'))).toEqual(problems);
  });

  test('sarif names the rule, the level and the region', () => {
    const { version, runs } = JSON.parse(formatProblems(problems, 'sarif'));
    expect(version).toBe('2.1.0');
    expect(runs[0].results[0]).toMatchObject({
      ruleId: 'policy-malformed',
      level: 'error',
      locations: [
        { physicalLocation: { artifactLocation: { uri: 'org/a.cedar' }, region: { startLine: 2, startColumn: 8 } } },
      ],
    });
  });
});

describe('one mistake', () => {
  const found = (files: { readonly [path: string]: string }) =>
    problemsOf(files).map(({ code, file, line }) => `${code} ${file}:${line}`);

  test('in an action is one problem, not also what follows from it', () => {
    const text = '@id("a") permit (principal is User, action == Action::"payments:refnd", resource);';
    expect(found({ 'org/a.cedar': text })).toEqual(['policy-invalid org/a.cedar:1']);
    expect(found({ 'teams/finance/a.cedar': text })).toEqual(['policy-invalid teams/finance/a.cedar:1']);
  });

  test('of a service’s file does not hide the others', () => {
    const text = PAYMENTS.replace('owner: finance', 'ownr: finance')
      .replace('user: optional', 'user: sometimes\ntimeZone: Europe/Berln')
      .replace('[POST]', '[post]');
    expect(found({ 'services/payments.yaml': text })).toEqual([
      'yaml-key-unknown services/payments.yaml:2',
      'yaml-value services/payments.yaml:6',
      'yaml-value services/payments.yaml:7',
      'yaml-value services/payments.yaml:9',
    ]);
  });
});

test('a method that nobody registered may be meant, and is a warning', () => {
  const text = PAYMENTS.replace('[POST]', '[PSOT, POST, PROPFIND]');
  expect(problemsOf({ 'services/payments.yaml': text })).toMatchObject([
    { code: 'method-unknown', severity: 'warning', line: 8, column: 33 },
  ]);
});

test('a hidden file that would mean something is left out, and said to be', () => {
  const text = 'permit (principal, action, resource);';
  const hidden = ['org/.a.cedar', 'teams/finance/.old/b.cedar', 'services/.x.yaml', 'tests/.y.yaml'];
  const files = Object.fromEntries([...hidden, '.github/z.yml', 'org/.a.cedar.swp'].map((path) => [path, text]));
  expect(problemsOf(files).map(({ code, severity, file }) => [code, severity, file])).toEqual(
    [...hidden].sort().map((file) => ['file-hidden', 'warning', file]),
  );
  expect(releaseOf(files).policies).toEqual([]);
});

describe('a check', () => {
  const check = (files: { readonly [path: string]: string }) => {
    const all = new Map(Object.entries({ ...PAYMENTS_FILES, ...files }));
    const checked = checkRepository({ files: all, trustDomain: 'demo.test', number: 7, nowMs: NOW, nextSigners: [] });
    return checked.ok
      ? []
      : checked.problems.map(({ code, file, line, column }) => `${code} ${file}:${line}:${column}`);
  };
  const ASKED = 'method: GET, target: /balance, at: 2026-01-05T12:00:00Z';
  const tests = (...rows: string[]) => ({
    'tests/a.yaml': `tests:\n${rows.map((row) => `  - { ${row} }\n`).join('')}`,
  });
  const one = (name: string, more: string) => `name: ${name}, ${ASKED}, ${more}`;

  test('reads the tests too, whatever else is wrong', () => {
    const wrong = tests(
      one('a', 'service: payment, expect: { outcome: allow }'),
      one('b', 'service: payments, expect: { outcome: allowed }'),
    );
    expect(check(wrong)).toEqual(['yaml-value tests/a.yaml:3:111']);
    expect(check({ ...wrong, 'org/a.cedar': 'permit' })).toEqual([
      expect.stringMatching(/^policy-malformed org\/a\.cedar:1:/),
      'yaml-value tests/a.yaml:3:111',
    ]);
  });

  test('finds tests of what there is not', () => {
    const rows = [
      one('a', 'service: payment, expect: { outcome: allow }'),
      one('b', 'service: payments, expect: { outcome: deny, reason: no-permit }'),
      one('b', 'service: payments, expect: { outcome: deny }'),
      one('c', 'service: payments, user: { subject: x }, expect: { outcome: deny }'),
    ];
    expect(check(tests(...rows))).toEqual([
      'test-service-unknown tests/a.yaml:2:82',
      'test-name-duplicate tests/a.yaml:4:13',
      'test-issuer-unknown tests/a.yaml:5:98',
    ]);
    const messages = (service: string) => {
      const files = new Map(
        Object.entries({ ...PAYMENTS_FILES, ...tests(one('a', `service: ${service}, expect: { outcome: allow }`)) }),
      );
      const checked = checkRepository({ files, trustDomain: 'demo.test', number: 1, nowMs: NOW, nextSigners: [] });
      return checked.ok ? [] : checked.problems.map((it) => it.message);
    };
    expect(messages('payment')).toEqual(['there is no service `payment`; did you mean `payments`?']);
    expect(messages('ledger')).toEqual(['there is no service `ledger`, only `payments`']);
    expect(check(tests(one('a', 'service: payments, expect: { outcome: deny, reason: no-pemit }')))).toEqual([
      'yaml-value tests/a.yaml:2:125',
    ]);
  });

  test('takes the one declared issuer for a person’s, and asks which of several is meant', () => {
    const issuer = (name: string) => `{ issuer: "https://${name}.test", audiences: [a], algorithms: [ES256] }`;
    const declaring = (...names: string[]) => ({
      'postern.yaml': `teams: { finance: {} }\nissuers: [${names.map(issuer)}]`,
    });
    const person = (more = '') =>
      tests(one('a', `service: payments, user: { subject: x${more} }, expect: { outcome: deny }`));
    expect(check({ ...declaring('a'), ...person() })).toEqual([]);
    expect(check({ ...declaring('a', 'b'), ...person(', issuer: "https://b.test"') })).toEqual([]);
    expect(check({ ...declaring('a', 'b'), ...person() })).toEqual(['test-issuer-unknown tests/a.yaml:2:98']);
    expect(check({ ...declaring('a'), ...person(', issuer: "https://b.test"') })).toEqual([
      'test-issuer-unknown tests/a.yaml:2:120',
    ]);
  });
});
