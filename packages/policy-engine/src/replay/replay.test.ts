import { describe, expect, test } from 'vitest';
import { contextOf, type RequestContext } from '../context.ts';
import type { Party } from '../decision.ts';
import { ANONYMOUS_USER, ANONYMOUS_WORKLOAD, userEntity, userUid, workloadUid } from '../model.ts';
import { loadedFrom, PAYMENTS_FILES } from '../testing/index.ts';
import {
  createReplay,
  decideRecorded,
  formatRecordedInput,
  MAX_REPLAY_GROUPS,
  parseRecordedInput,
  type RecordedInput,
  recordInput,
} from './index.ts';

const NOON = Date.UTC(2026, 0, 5, 12);
const ISSUER = 'https://id.test';
const PERMIT_ALL = '@id("all") permit (principal, action, resource);';
const PERMIT_NIGHT = `@id("night")
permit (principal, action, resource) when { context.local.hour >= 22 };`;

function withPolicies(policies: string, files: { readonly [path: string]: string } = {}) {
  return loadedFrom({ ...PAYMENTS_FILES, 'org/a.cedar': policies, ...files });
}

interface Asked {
  readonly user?: string | undefined;
  readonly path?: string;
  readonly method?: string;
  readonly atMs?: number;
  readonly known?: Partial<RequestContext>;
}

/** As a decision point would have exported it. */
function recorded(asked: Asked = {}): RecordedInput {
  const { user = 'alice', path = '/refunds', method = 'POST', atMs = NOON } = asked;
  const request = { method, path, host: 'payments.demo.test' };
  const isAnonymous = 'user' in asked && asked.user === undefined;
  const parties: Party[] = [
    { kind: 'workload', principal: workloadUid('spiffe://demo.test/storefront') },
    isAnonymous
      ? { kind: 'anonymous-user', principal: ANONYMOUS_USER }
      : { kind: 'user', principal: userUid(ISSUER, user) },
  ];
  const person = { issuer: ISSUER, subject: user, groups: [] };
  const context = contextOf({
    nowMs: atMs,
    request,
    network: {},
    ...(!isAnonymous && { user: person, auth: { timeMs: atMs - 1000, amr: [] } }),
    ...asked.known,
  });
  const input = { service: 'payments', parties, context, entities: isAnonymous ? [] : [userEntity(person)] };
  const parsed = parseRecordedInput(formatRecordedInput(recordInput({ ...input, nowMs: atMs }, request)));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

function replayed(before: string, after: string, records: readonly RecordedInput[]) {
  const replay = createReplay(withPolicies(before), withPolicies(after));
  records.forEach((record, index) => {
    replay.add(record, index + 1);
  });
  return replay.report();
}

test('records of services that neither side has are counted, so that agreement on them vouches for nothing', () => {
  const elsewhere = { ...recorded(), service: 'ledger' };
  expect(replayed(PERMIT_ALL, PERMIT_NIGHT, [elsewhere, recorded(), elsewhere])).toMatchObject({
    records: 3,
    ofUnknownServices: 2,
    unknownServices: ['ledger'],
    narrowed: 1,
    decidedOtherwise: 0,
  });
  const ledger = {
    'services/ledger.yaml': (PAYMENTS_FILES['services/payments.yaml'] ?? '').replaceAll('payments', 'ledger'),
  };
  const replay = createReplay(withPolicies(PERMIT_ALL), withPolicies(PERMIT_ALL, ledger));
  replay.add(elsewhere, 1);
  expect(replay.report()).toMatchObject({ records: 1, ofUnknownServices: 0, unknownServices: [] });
});

describe('what a record comes to', () => {
  test('is what the decision point decided', () => {
    expect(decideRecorded(withPolicies(PERMIT_ALL), recorded())).toMatchObject({
      outcome: 'allow',
      reason: 'permitted',
      action: 'payments:refund',
    });
  });

  const yaml = PAYMENTS_FILES['services/payments.yaml'] ?? '';
  const service = (change: (text: string) => string) => ({ 'services/payments.yaml': change(yaml) });
  const nightIn = (zone: string) =>
    withPolicies(
      PERMIT_NIGHT,
      service((text) => `${text}timeZone: ${zone}\n`),
    );

  test('follows the routes of the other release', () => {
    const moved = withPolicies(
      PERMIT_ALL,
      service((text) => text.replace('/refunds', '/v2/refunds')),
    );
    expect(decideRecorded(moved, recorded())).toEqual({ outcome: 'deny', reason: 'path-not-routed', parties: [] });
    expect(decideRecorded(moved, recorded({ path: '/v2/refunds' }))).toMatchObject({ outcome: 'allow' });
  });

  test('follows its time zone', () => {
    expect(decideRecorded(nightIn('Etc/UTC'), recorded())).toMatchObject({ outcome: 'deny' });
    expect(decideRecorded(nightIn('Etc/GMT-10'), recorded())).toMatchObject({ outcome: 'allow' });
  });

  test('follows what it asks of callers', () => {
    const required = withPolicies(
      PERMIT_ALL,
      service((text) => text.replace('user: optional', 'user: required')),
    );
    expect(decideRecorded(required, recorded({ user: undefined }))).toMatchObject({ reason: 'user-missing' });
    const workload = { spiffeId: 'spiffe://demo.test/storefront', assurance: 'xfcc-uri' as const, notAfterMs: NOON };
    expect(decideRecorded(required, recorded({ known: { workload } }))).toMatchObject({
      reason: 'assurance-insufficient',
    });
  });

  test('where the release no longer looks at users holds nothing of the user', () => {
    const none = withPolicies(
      'permit (principal, action, resource) unless { context has user || context has auth || context has device };',
      service((text) => text.replace('user: optional', 'user: none')),
    );
    const decision = decideRecorded(none, recorded({ known: { device: { id: 'd' } } }));
    expect(decision).toMatchObject({ outcome: 'allow', parties: [{ kind: 'workload' }] });
  });

  test('where nobody looked for a user then needs a permit for nobody', () => {
    const { parties, ...rest } = recorded();
    const without = { ...rest, parties: parties.slice(0, 1) };
    const decision = decideRecorded(withPolicies('permit (principal is Workload, action, resource);'), without);
    expect(decision).toMatchObject({ outcome: 'deny', parties: [{}, { kind: 'anonymous-user' }] });
  });
});

describe('a replay', () => {
  const NOBODY = { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD } as const;

  test('shows who gains first, by which policies, with one example', () => {
    const forbid = (who: string, id: string) =>
      `@id("${id}") forbid (principal == User::"${ISSUER}#${who}", action, resource);`;
    const report = replayed(PERMIT_ALL + forbid('mallory', 'm'), `\n${PERMIT_ALL}${forbid('bob', 'b')}`, [
      recorded({ user: 'bob' }),
      recorded({ user: 'alice' }),
      recorded({ user: 'mallory' }),
      recorded({ user: 'mallory', path: '/balance', method: 'GET' }),
      recorded({ user: 'mallory' }),
    ]);
    expect(report).toMatchObject({ records: 5, widened: 3, narrowed: 1, decidedOtherwise: 0, ungrouped: 0 });
    expect(report.totals).toEqual([
      { before: 'deny', after: 'allow', service: 'payments', action: 'payments:refund', count: 2, parties: 1 },
      { before: 'deny', after: 'allow', service: 'payments', action: 'payments:balance', count: 1, parties: 1 },
      { before: 'allow', after: 'deny', service: 'payments', action: 'payments:refund', count: 1, parties: 1 },
    ]);
    const mallory = `User::"${ISSUER}#mallory"`;
    expect(report.changes.map(({ before, after, party, count }) => [before, after, party, count])).toEqual([
      ['deny', 'allow', mallory, 2],
      ['deny', 'allow', mallory, 1],
      ['allow', 'deny', `User::"${ISSUER}#bob"`, 1],
    ]);
    expect(report.changes[0]?.example).toMatchObject({
      line: 3,
      atMs: NOON,
      request: { method: 'POST', path: '/refunds' },
      before: { reason: 'forbidden', parties: [{}, { determining: [{ id: 'm', file: 'org/a.cedar', line: 1 }] }] },
      after: { reason: 'permitted', parties: [{}, { determining: [{ id: 'all', file: 'org/a.cedar', line: 2 }] }] },
    });
  });

  test('orders what is let through before what is asked for and what is taken away', () => {
    const stepUp = '@challenge("step-up:60") forbid (principal is User, action, resource);';
    const [deny, challenge, allow] = ['', PERMIT_ALL + stepUp, PERMIT_ALL];
    const only = (user: string, policies: string) => [user, policies] as const;
    const transitions = [
      [only('a', allow), challenge],
      [only('b', challenge), deny],
      [only('c', allow), deny],
      [only('d', deny), challenge],
      [only('e', challenge), allow],
      [only('f', deny), allow],
    ] as const;
    const kinds = transitions.map(([[user, before], after]) => {
      const report = replayed(before, after, [recorded({ user })]);
      const { before: from, after: to } = report.changes[0] ?? {};
      return [`${from} → ${to}`, report.widened, report.narrowed];
    });
    expect(kinds).toEqual([
      ['allow → challenge', 0, 1],
      ['challenge → deny', 0, 1],
      ['allow → deny', 0, 1],
      ['deny → challenge', 1, 0],
      ['challenge → allow', 1, 0],
      ['deny → allow', 1, 0],
    ]);
  });

  test('counts what comes out the same for another reason', () => {
    const other = PERMIT_ALL.replace('"all"', '"other"');
    expect(replayed(PERMIT_ALL, other, [recorded()])).toMatchObject({ decidedOtherwise: 1, changes: [] });
    expect(replayed('', 'forbid (principal, action, resource);', [recorded()])).toMatchObject({ decidedOtherwise: 1 });
    expect(replayed('', '', [recorded()])).toMatchObject({ decidedOtherwise: 0 });
  });

  test('names the caller where one side asked nobody', () => {
    const before = withPolicies(PERMIT_ALL);
    const files = {
      'services/payments.yaml': (PAYMENTS_FILES['services/payments.yaml'] ?? '').replace('/refunds', '/x'),
    };
    const replay = createReplay(before, withPolicies(PERMIT_ALL, files));
    replay.add({ ...recorded(), parties: [NOBODY] }, 1);
    expect(replay.report().changes).toMatchObject([
      { party: 'Anonymous::"workload"', action: 'payments:refund', example: { after: { reason: 'path-not-routed' } } },
    ]);
  });

  test('loses no change among more parties than it tells apart', () => {
    const replay = createReplay(withPolicies(''), withPolicies(PERMIT_ALL));
    const record = recorded();
    for (let line = 1; line <= MAX_REPLAY_GROUPS + 2; line++) {
      replay.add({ ...record, parties: [{ kind: 'user', principal: userUid(ISSUER, `user-${line}`) }] }, line);
    }
    const { widened, changes, ungrouped, totals } = replay.report();
    expect({ widened, groups: changes.length, ungrouped }).toEqual({
      widened: MAX_REPLAY_GROUPS + 2,
      groups: MAX_REPLAY_GROUPS,
      ungrouped: 2,
    });
    expect(totals).toMatchObject([{ count: MAX_REPLAY_GROUPS + 2, parties: MAX_REPLAY_GROUPS }]);
  });
});
