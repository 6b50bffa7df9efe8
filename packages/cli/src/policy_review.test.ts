/** What a reviewer of a policy change asks, offline: check, test, explain, diff and replay on the demo's repository. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EXIT_CODES } from './exit_codes.ts';
import { runCli } from './run_cli.ts';
import { runHere } from './testing/run_here.ts';

const DEMO = join(import.meta.dirname, '../../../examples/demo/policies');
const PAYMENTS = 'teams/finance/payments.cedar';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-review-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `main` is the demo; `change` what somebody made of it. */
beforeEach(() => {
  for (const name of ['main', 'change']) {
    rmSync(join(folder, name), { recursive: true, force: true });
    cpSync(DEMO, join(folder, name), { recursive: true });
  }
});

function edit(file: string, from: string | RegExp, to: string): void {
  const path = join(folder, 'change', file);
  const text = readFileSync(path, 'utf8');
  const edited = text.replace(from, to);
  expect(edited, `${file} has no ${from}`).not.toBe(text);
  writeFileSync(path, edited);
}

const postern = (...args: string[]) => runHere(['policy', ...args], { folder });
const json = async (...args: string[]) => {
  const ended = await postern(...args, '--json');
  return { code: ended.code, ...JSON.parse(ended.out) };
};

describe('check', () => {
  test('shows what compiles and cannot be meant, where it stands, and fails for it only when asked', async () => {
    edit(PAYMENTS, 'context.local.hour < 20', 'context.local.hour < 8');
    const checked = await postern('check', 'change');
    expect(checked).toMatchObject({ code: 0, err: '' });
    expect(checked.out).toContain(`${PAYMENTS}:22:1: warning: \`context.local.hour < 8\` is ruled out by`);
    expect(checked.out).toContain('\n  when { context.local.hour >= 8 && context.local.hour < 8 };\n  ^^^^');
    expect(await postern('check', 'change', '--strict')).toMatchObject({ code: EXIT_CODES.refused.code });
    const sarif = JSON.parse((await postern('check', 'change', '--format', 'sarif')).out);
    expect(sarif.runs[0].results).toMatchObject([
      {
        ruleId: 'policy-impossible',
        level: 'warning',
        locations: [
          { physicalLocation: { artifactLocation: { uri: `change/${PAYMENTS}` }, region: { startLine: 22 } } },
        ],
      },
    ]);
  });
});

describe('check, for a code review', () => {
  const uriFrom = async (where: string, dir: string) => {
    const { out } = await runHere(['policy', 'check', dir, '--format', 'sarif'], { folder: where });
    return JSON.parse(out).runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri;
  };

  test('names files from where it runs, however the folder is named, and in full where it lies elsewhere', async () => {
    edit(PAYMENTS, 'context.local.hour < 20', 'context.local.hour < 8');
    symlinkSync(folder, join(folder, 'main', 'way'));
    const rows: [where: string, dir: string, uri: string][] = [
      ['', 'change', `change/${PAYMENTS}`],
      ['', './change/', `change/${PAYMENTS}`],
      ['', join(folder, 'change'), `change/${PAYMENTS}`],
      ['', 'main/way/change', `change/${PAYMENTS}`],
      ['change', '.', PAYMENTS],
      ['change/teams', '..', pathToFileURL(join(realpathSync(folder), 'change', PAYMENTS)).href],
      ['main', '../change', pathToFileURL(join(realpathSync(folder), 'change', PAYMENTS)).href],
    ];
    for (const [where, dir, uri] of rows) expect(await uriFrom(join(folder, where), dir), `${where} ${dir}`).toBe(uri);
  });
});

describe('test', () => {
  test('fails where fewer policies decide a test than are asked for, and names them', async () => {
    const { code, coverage } = await json('test', 'change', '--coverage', '100');
    expect({ code, coverage }).toMatchObject({ code: 0, coverage: { policies: 6, exercised: 6, percent: 100 } });
    edit(
      'tests/storefront.yaml',
      'name: anybody may see the shop window\n    service: storefront\n    method: GET',
      'name: x\n    service: storefront\n    method: PUT',
    );
    edit(
      'tests/storefront.yaml',
      'expect: { outcome: allow, policies: [storefront-home-is-public] }',
      'expect: { outcome: deny }',
    );
    expect(await json('test', 'change', '--coverage', '83')).toMatchObject({ code: 0, ok: true });
    const less = await json('test', 'change', '--coverage', '84');
    expect(less).toMatchObject({
      code: EXIT_CODES.refused.code,
      ok: false,
      unexercised: ['storefront-home-is-public'],
      coverage: { exercised: 5, percent: 83, unexercised: [{ file: 'teams/shop/storefront.cedar', isMet: false }] },
    });
    const { out } = await postern('test', 'change', '--coverage', '84');
    expect(out).toContain('idle  storefront-home-is-public: met by no test  teams/shop/storefront.cedar:1\n');
    expect(out).toContain('5 of 6 policies decide a test: 83 %, and 84 % is asked for\n10 passed, 0 failed\n');
  });

  test('says nothing of coverage where not all tests could be read, and check finds the same', async () => {
    edit('tests/payments.yaml', 'service: payments', 'servce: payments');
    const { out, code } = await postern('test', 'change');
    expect(code).toBe(EXIT_CODES.refused.code);
    expect(out).toMatch(/^tests\/payments\.yaml:3:5: error: unknown key; .*\[yaml-key-unknown\]\n/);
    expect(out).not.toMatch(/^idle|decide a test/m);
    expect(out).toMatch(/\n2 passed, 0 failed, not all tests could be read\n$/);
    expect(await json('check', 'change')).toMatchObject({
      code: EXIT_CODES.refused.code,
      problems: [{ code: 'yaml-key-unknown', file: 'tests/payments.yaml', line: 3, column: 5 }],
    });
  });
});

describe('a trust domain that is none', () => {
  test('is said to be, by option and by environment', async () => {
    for (const name of ['Demo.Test', 'spiffe://demo.test', 'a b']) {
      const byOption = await json('check', 'main', '--trust-domain', name);
      expect(byOption).toMatchObject({ code: 2, error: { reason: 'trust-domain-malformed' } });
      const environment = { POSTERN_TRUST_DOMAIN: name };
      const { code, out } = await runHere(['policy', 'test', 'main', '--json'], { folder, environment });
      expect({ code, ...JSON.parse(out).error }).toMatchObject({ code: 2, reason: 'trust-domain-malformed' });
    }
  });
});

describe('the records of tests', () => {
  test('are for whoever wrote them, and go where a folder is', async () => {
    const written = await postern('test', 'main', '--write-records', 'inputs.jsonl');
    expect(written.out).toMatch(/\n10 recorded inputs written to inputs\.jsonl, for you alone\n$/);
    expect(statSync(join(folder, 'inputs.jsonl')).mode & 0o777).toBe(0o600);
    const lost = await json('test', 'main', '--write-records', 'nowhere/inputs.jsonl');
    expect(lost).toMatchObject({ code: 2, error: { reason: 'output-not-written' } });
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });
});

describe('hidden files', () => {
  test('that would be policies are left out with a warning, and the rest without', async () => {
    writeFileSync(join(folder, 'change/teams/finance/.payroll.cedar'), 'permit (principal, action, resource);');
    mkdirSync(join(folder, 'change/.git'));
    writeFileSync(join(folder, 'change/.git/index'), Buffer.from([0xff]));
    expect(await json('check', 'change')).toMatchObject({
      code: 0,
      policies: 6,
      problems: [{ code: 'file-hidden', file: 'teams/finance/.payroll.cedar' }],
    });
  });
});

describe('explain', () => {
  const ask = ['--service', 'payments', '--method', 'POST', '--target', '/refunds', '--at', '2026-01-05T12:00:00Z'];
  const alice = [
    '--workload',
    'spiffe://demo.test/storefront',
    '--user',
    'alice',
    '--group',
    'support',
    '--signed-in-ago',
    '1m',
  ];

  test('says which condition of which permit failed, and what of it the caller may be told', async () => {
    const { out, code } = await postern('explain', 'main', '--test', 'at night nothing is paid back');
    expect(code).toBe(0);
    expect(out).toMatch(/^deny \(no-permit\) {2}POST \/refunds → payments:refund at 2026-01-05T23:00:00Z\n/);
    expect(out).toContain(`by       permit payments-storefront-calls  ${PAYMENTS}:3  operator only\n`);
    expect(out).toContain(`nearest  permit payments-support-refunds  ${PAYMENTS}:13\n`);
    expect(out).toContain(
      `           when \`context.local.hour < 20\` is false: \`context.local.hour\` is 23  ${PAYMENTS}:22\n`,
    );
    expect(out).toMatch(
      /\nthe caller may be told\n {2}support pays back .*: when `context.local.hour < 20` is false: `context.local.hour` is 23\n/,
    );
  });

  test('of a request by options, by a file and by a record says the same', async () => {
    const byOptions = await json('explain', 'main', ...ask, ...alice, '--device', 'non-compliant');
    expect(byOptions).toMatchObject({
      outcome: 'deny',
      reason: 'no-permit',
      parties: [
        { outcome: 'allow' },
        {
          nearest: [
            { failed: [{ clause: 'when', line: 21, text: '`context.device.compliant` is false' }], tell: 'caller' },
          ],
        },
      ],
      reads: expect.arrayContaining(['context.device', 'context.local.hour']),
    });
    const described = `service: payments
method: POST
target: /refunds
at: 2026-01-05T12:00:00Z
workload: spiffe://demo.test/storefront
user: { subject: alice, groups: [support], signedInSecondsAgo: 60 }
device: { compliant: false }
`;
    writeFileSync(join(folder, 'request.yaml'), described);
    expect(await json('explain', 'main', '--request', 'request.yaml')).toEqual(byOptions);
    await postern('test', 'main', '--write-records', 'inputs.jsonl');
    expect(await json('explain', 'main', '--records', 'inputs.jsonl', '--line', '4')).toEqual(byOptions);
  });

  test('says what to do where no policy was asked', async () => {
    const refused = await json('explain', 'main', ...ask, '--target', '/refund');
    expect(refused).toMatchObject({ outcome: 'deny', reason: 'path-not-routed', parties: [], code: 0 });
    expect((await postern('explain', 'main', ...ask)).out).toContain(
      'no policy was asked\n  what to do: nothing: the user signs in',
    );
  });

  test('of what the repository does not have is refused, with what it has', async () => {
    const rows: [args: string[], code: string, known: string][] = [
      [['--service', 'payment'], 'test-service-unknown', '`payments`'],
      [['--user', 'alice', '--issuer', 'https://id.test'], 'test-issuer-unknown', '`http://127.0.0.1:8442`'],
    ];
    for (const [args, code, known] of rows) {
      const refused = await json('explain', 'main', ...ask, ...args);
      expect(refused).toMatchObject({ code: 2, error: { reason: 'request-malformed', problems: [{ code }] } });
      expect(refused.error.problems[0].message).toContain(known);
    }
    expect(await json('explain', 'main', '--test', 'at nihgt nothing is paid back')).toMatchObject({
      error: { message: expect.stringMatching(/; did you mean `at night nothing is paid back`\?$/) },
    });
    edit('tests/payments.yaml', 'subject: alice', 'issuer: "https://id.test", subject: alice');
    const name = 'support pays back with a fresh sign-in, from a compliant device, in business hours';
    expect(await json('explain', 'change', '--test', name)).toMatchObject({
      code: 2,
      error: {
        reason: 'test-unknown',
        problems: [{ code: 'test-issuer-unknown', file: 'tests/payments.yaml', line: 8 }],
      },
    });
  });

  test('refuses options that would be passed over', async () => {
    const rows: [args: string[], without: string][] = [
      [['--test', 'at night nothing is paid back', '--user', 'alice'], '--user says nothing without --service'],
      [['--request', 'x.yaml', '--user', 'alice'], '--user says nothing without --service'],
      [['--records', 'x.jsonl', '--line', '1', '--device', 'unknown'], '--device says nothing without --service'],
      [[...ask, '--line', '1'], '--line says nothing without --records'],
      [[...ask, '--group', 'support'], '--group says nothing without --user'],
      [[...ask, '--assurance', 'certificate'], '--assurance says nothing without --workload'],
      [[...ask, '--user', 'alice', '--amr', 'otp'], '--amr says nothing without --signed-in-ago'],
      [[...ask, '--user', 'alice', '--no-disk-encrypted'], '--disk-encrypted says nothing without --device'],
      [
        [...ask, '--user', 'alice', '--device', 'unknown', '--managed'],
        '--managed says nothing of a device that no source reports on',
      ],
    ];
    for (const [args, message] of rows) {
      const { code, error } = await json('explain', 'main', ...args);
      expect({ code, reason: error.reason, message: error.message }).toEqual({
        code: 2,
        reason: 'option-missing',
        message,
      });
    }
  });

  test('takes all that policies can look at from options, and the moment from the clock', async () => {
    edit(
      PAYMENTS,
      'context.local.hour >= 8 && context.local.hour < 20',
      `context.device.managed && context.device has diskEncrypted && context.device.diskEncrypted
    && context.device has platform && context.device.platform == "linux"
    && context.device has osVersion && context.device.osVersion == "6.1"
    && context has auth && context.auth has acr && context.auth.acr == "phr" && context.auth.amr.contains("otp")
    && principal has email && principal.email like "*@demo.test"`,
    );
    const known = [
      '--email',
      'alice@demo.test',
      '--acr',
      'phr',
      '--amr',
      'pwd',
      '--amr',
      'otp',
      '--device',
      'compliant',
    ];
    const device = ['--managed', '--disk-encrypted', '--platform', 'linux', '--os-version', '6.1'];
    expect(await json('explain', 'change', ...ask, ...alice, ...known, ...device)).toMatchObject({ outcome: 'allow' });
    writeFileSync(join(folder, 'now.yaml'), '{ service: payments, method: POST, target: /refunds }');
    const beforeMs = Date.now();
    const { atMs } = await json('explain', 'main', '--request', 'now.yaml');
    expect(Math.abs(atMs - beforeMs)).toBeLessThan(60_000);
  });

  test('says of a forbid whether a condition lets it apply or lifts it', async () => {
    edit(
      'org/guardrails.cedar',
      /$/,
      'forbid (principal is User, action, resource) unless { context.local.hour > 12 };',
    );
    const { out } = await postern('explain', 'change', ...ask, ...alice);
    expect(out).toContain(
      '           unless `context.local.hour > 12` is false: `context.local.hour` is 12  org/guardrails.cedar:23\n',
    );
  });

  test('says how a challenge is met, and which forbid asks', async () => {
    const old = await postern('explain', 'main', ...ask, ...alice, '--signed-in-ago', '2h', '--device', 'compliant');
    expect(old.out).toMatch(/^challenge \(step-up-required\)/);
    expect(old.out).toContain('by       forbid org-recent-sign-in-for-writes  org/guardrails.cedar:3\n');
    expect(old.out).toContain(`permit   permit payments-support-refunds  ${PAYMENTS}:13\n`);
    expect(old.out).toContain('asks for step-up:3600\n');
  });
});

describe('diff', () => {
  test('shows what is asked now and what was asked before, by what things are', async () => {
    edit(PAYMENTS, 'context.local.hour < 20', 'context.local.hour < 22');
    edit('services/payments.yaml', 'methods: [GET]', 'methods: [GET, HEAD]');
    const { out, code } = await postern('diff', 'main', 'change');
    expect(code).toBe(EXIT_CODES.widened.code);
    expect(out).toBe(`policies
  ~ permit payments-support-refunds  ${PAYMENTS}:13
      - when context.local.hour < 20
      + when context.local.hour < 22
services
  ~ payments
      + route HEAD /balance: balance in read
more is let through
  payments: HEAD /balance: the permit payments-storefront-calls is about it now
  payments: HEAD /balance: the permit payments-staff-see-balance is about it now
  payments-support-refunds: this permit asks for less
who gains and who loses by conditions: --records FILE
`);
    expect(await postern('diff', 'change', 'main')).toMatchObject({ code: 0 });
    expect(await json('diff', 'main', 'main')).toMatchObject({ code: 0, isEmpty: true });
  });

  test('with records shows what that changes, and says so by its exit code', async () => {
    await postern('test', 'main', '--write-records', 'inputs.jsonl');
    edit(PAYMENTS, 'context.local.hour < 20', 'context.local.hour < 24');
    const diff = await json('diff', '--records', 'inputs.jsonl', 'main', 'change');
    expect(diff).toMatchObject({ code: EXIT_CODES.widened.code, isEmpty: false, replay: { widened: 1 } });
  });

  test('ends with 6 for what no record shows, with records and without', async () => {
    await postern('test', 'main', '--write-records', 'inputs.jsonl');
    const edits: [file: string, from: string | RegExp, to: string, code: string][] = [
      ['postern.yaml', 'strictErrors: true', 'strictErrors: false', 'errors-skipped'],
      ['postern.yaml', 'audiences: [', 'audiences: [https://other.demo.test, ', 'issuer-trusted-more'],
      ['services/payments.yaml', 'user: required', 'user: optional', 'user-less-required'],
      ['services/payments.yaml', /$/, 'assurance: [certificate, xfcc-uri]\n', 'service-believes-more'],
      ['services/storefront.yaml', /$/, 'whenStale: last-known-good\n', 'service-stale-longer'],
    ];
    for (const [file, from, to, widening] of edits) {
      cpSync(DEMO, join(folder, 'change'), { recursive: true });
      edit(file, from, to);
      for (const args of [[], ['--records', 'inputs.jsonl']]) {
        const found = await json('diff', ...args, 'main', 'change');
        expect(found, file).toMatchObject({ code: EXIT_CODES.widened.code, widenings: [{ code: widening }] });
        expect(await json('diff', ...args, 'change', 'main'), file).toMatchObject({ code: 0, widenings: [] });
      }
    }
  });

  test('takes a service that goes to observe for one that lets more through, which no record shows', async () => {
    const until = new Date(Date.now() + 86_400_000).toISOString().replace(/\.\d{3}/, '');
    edit('services/payments.yaml', /$/, `mode: observe\nobserveUntil: ${until}\n`);
    expect(await json('diff', 'main', 'change')).toMatchObject({
      code: EXIT_CODES.widened.code,
      widenings: [{ code: 'service-observes', subject: 'payments' }],
    });
    const { out, code } = await postern('diff', 'main', 'change', '--allow-widening');
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringContaining('\n  payments: denials are let through, '),
    });
    expect(await json('diff', 'change', 'main')).toMatchObject({ code: 0, widenings: [] });
  });
});

describe('replay', () => {
  beforeEach(async () => {
    expect(await postern('test', 'main', '--write-records', 'inputs.jsonl')).toMatchObject({ code: 0 });
  });

  test('of what changes nothing ends with 0', async () => {
    expect(await json('replay', '--records', 'inputs.jsonl', 'main', 'change')).toMatchObject({
      code: 0,
      records: 10,
      widened: 0,
      narrowed: 0,
      changes: [],
    });
  });

  test('of what lets more through ends with a code of its own, unless that was looked at', async () => {
    edit(PAYMENTS, 'context.local.hour < 20', 'context.local.hour < 24');
    edit(PAYMENTS, 'principal in [Group::"support", Group::"accounting"]', 'principal in [Group::"support"]');
    const args = ['replay', '--records', 'inputs.jsonl', 'main', 'change'];
    const { out, code } = await postern(...args);
    expect(code).toBe(EXIT_CODES.widened.code);
    const alice = 'User::"http://127.0.0.1:8442#alice"';
    expect(out).toMatch(
      /^deny → allow {2}1× {2}User::"http:\/\/127.0.0.1:8442#alice" {2}payments {2}payments:refund\n {2}line 6: POST/,
    );
    expect(out).toContain(`          deny ${alice} by no policy\n  after   allow (permitted)\n`);
    expect(out).toContain(`          allow ${alice} by payments-support-refunds (${PAYMENTS}:13)\n`);
    expect(out.indexOf('deny → allow')).toBeLessThan(out.indexOf('allow → deny'));
    expect(out).toMatch(
      /\n1 record let through more than before; 1 less, 1 the same by other policies, 10 records in all\nnot looked at: `mode: observe`,/,
    );
    expect((await postern(...args, '--limit', '0')).out).toMatch(
      /^2 further changes: --limit, or --json for all of them\n/,
    );
    expect(await postern(...args, '--allow-widening')).toMatchObject({ code: 0, out });
  });

  test('of what lets less through ends with 0', async () => {
    edit(PAYMENTS, 'context.local.hour < 20', 'context.local.hour < 9');
    expect(await json('replay', '--records', 'inputs.jsonl', 'main', 'change')).toMatchObject({ code: 0, narrowed: 2 });
  });

  test('that compared nothing vouches for nothing', async () => {
    const text = readFileSync(join(folder, 'inputs.jsonl'), 'utf8');
    const elsewhere = text.replaceAll('"service":"payments"', '"service":"ledger"');
    const rows: [text: string, reason: string | undefined][] = [
      ['', 'records-empty'],
      ['\n\n', 'records-empty'],
      [elsewhere.replaceAll('"service":"storefront"', '"service":"shop"'), 'records-of-unknown-services'],
      [elsewhere, undefined],
    ];
    for (const command of [['replay'], ['diff']]) {
      for (const [content, reason] of rows) {
        writeFileSync(join(folder, 'other.jsonl'), content);
        const { code, error } = await json(...command, '--records', 'other.jsonl', 'main', 'change');
        expect({ code, reason: error?.reason }).toEqual({ code: reason === undefined ? 0 : 2, reason });
      }
    }
    expect((await postern('replay', '--records', 'other.jsonl', 'main', 'change')).out).toContain(
      '10 records in all\n8 records are of services that neither side has: ledger\n',
    );
  });

  test('names the line that it cannot read, and vouches for nothing', async () => {
    const text = readFileSync(join(folder, 'inputs.jsonl'), 'utf8');
    const bad: [name: string, text: string | Buffer, message: string][] = [
      ['no JSON', `${text}\n{"v":1`, 'line 12 of'],
      ['a later version', text.replace('"v":1', '"v":2'), 'line 1 of'],
      ['no UTF-8', Buffer.concat([Buffer.from(text), Buffer.from([0x22, 0xff])]), 'line 11 of'],
      ['a line without end', `${text}"${'x'.repeat(3 * 1024 * 1024)}`, 'line 11 of'],
    ];
    for (const [name, content, message] of bad) {
      writeFileSync(join(folder, 'bad.jsonl'), content);
      const { code, error } = await json('replay', '--records', 'bad.jsonl', 'main', 'change');
      expect({ code, ...error }, name).toMatchObject({ code: EXIT_CODES.usage.code, reason: 'line-malformed' });
      expect(error.message, name).toContain(message);
    }
  });

  test('shows how far it is where somebody watches, and takes it away again', async () => {
    const text = readFileSync(join(folder, 'inputs.jsonl'), 'utf8');
    writeFileSync(join(folder, 'many.jsonl'), text.repeat(200));
    let nowMs = 0;
    const shown: string[] = [];
    let out = '';
    const code = await runCli(['policy', 'replay', '--records', 'many.jsonl', 'main', 'change'], {
      out: (part) => {
        out += part;
      },
      err: () => {},
      progress: (line) => shown.push(line),
      hasOutColours: false,
      hasErrColours: false,
      environment: {},
      folder,
      nowMs: () => (nowMs += 1000),
      interrupted: () => new AbortController().signal,
      hasTerminal: false,
      onSignals: () => () => {},
    });
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('2000 records in all') });
    expect(shown.length).toBeGreaterThan(1);
    expect(shown[0]).toMatch(/^\d+ records, \d+ %$/);
    expect(shown.at(-1)).toBe('');
  });
});
