import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contextOf } from '../context.ts';
import { decide } from '../decide.ts';
import type { EngineDecision } from '../decision.ts';
import { workloadUid } from '../model.ts';
import { type LoadedRelease, loadRelease } from '../release/index.ts';
import { compileRelease } from './index.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const OPERATIONS = ['books:get', 'books:post', 'loans:get', 'loans:post', 'shop:get', 'shop:post'];

const service = (name: string, owner: string) =>
  `name: ${name}\nowner: ${owner}\nhosts: [${name}.test]\nenforcementPoints: [spiffe://demo.test/${name}]\n`;

/** Team `books` owns `books` and, through its child team `loans`, `loans`; team `shop` owns `shop`. */
const FILES = {
  'postern.yaml':
    'teams: { company: {}, books: { parent: company }, loans: { parent: books }, shop: { parent: company } }\n',
  'services/books.yaml': service('books', 'books'),
  'services/loans.yaml': service('loans', 'loans'),
  'services/shop.yaml': service('shop', 'shop'),
};

const uid = (type: string, ...ids: string[]) => fc.constantFrom(...ids.map((id) => `${type}::"${id}"`));
const anyService = uid('Service', 'books', 'loans', 'shop');
const anyTeam = uid('Team', 'company', 'books', 'loans', 'shop');
const anyAction = uid('Action', ...OPERATIONS);

const resource = fc.oneof(
  fc.constantFrom('resource', 'resource is Service'),
  anyService.map((id) => `resource == ${id}`),
  anyTeam.map((id) => `resource in ${id}`),
  anyTeam.map((id) => `resource is Service in ${id}`),
);
const action = fc.oneof(
  fc.constantFrom('action', 'action in Action::"read"'),
  anyAction.map((id) => `action == ${id}`),
  fc.array(anyAction, { minLength: 1, maxLength: 3 }).map((ids) => `action in [${ids.join(', ')}]`),
);
const condition = fc.oneof(
  fc.constantFrom('true', 'context.local.hour == 12', 'context.local.hour + 9223372036854775807 > 0'),
  anyService.map((id) => `resource == ${id}`),
  fc.array(anyService, { minLength: 1, maxLength: 2 }).map((ids) => `resource in [${ids.join(', ')}]`),
  anyTeam.map((id) => `!(resource in ${id})`),
  anyAction.map((id) => `action == ${id} && true`),
);
const clause = fc
  .tuple(fc.constantFrom('when', 'when', 'unless'), condition)
  .map(([kind, text]) => `${kind} { ${text} }`);
const policy = fc
  .tuple(fc.constantFrom('permit', 'forbid'), action, resource, fc.array(clause, { maxLength: 2 }))
  .map(([effect, act, res, clauses]) => `${effect} (principal, ${act}, ${res}) ${clauses.join(' ')};`);

function release(files: { readonly [path: string]: string }): LoadedRelease | readonly string[] {
  const all = new Map(Object.entries({ ...FILES, ...files }));
  const compiled = compileRelease({ files: all, trustDomain: 'demo.test', number: 1, nowMs: NOW, nextSigners: [] });
  if (!compiled.ok) return compiled.problems.map(({ code }) => code);
  const loaded = loadRelease(compiled.release);
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.value;
}

const context = contextOf({ nowMs: NOW, request: { method: 'GET', path: '/', host: 'a.test' }, network: {} });
const party = { kind: 'workload', principal: workloadUid('spiffe://demo.test/x') } as const;

function ask(loaded: LoadedRelease, operation: string): EngineDecision {
  const [name = ''] = operation.split(':');
  return decide(loaded, { service: name, action: operation, parties: [party], context, entities: [], nowMs: NOW });
}

const isLong = process.env['POSTERN_LONG'] === '1';
const numRuns = isLong ? 5000 : 100;
const timeoutMs = isLong ? 300_000 : 20_000;

test(
  'whatever a team writes, it changes nothing on services that it does not own',
  () => {
    const without = release({ 'org/a.cedar': 'permit (principal, action in Action::"read", resource);' });
    if (!('policies' in without)) throw new Error('the guardrail alone compiles');
    fc.assert(
      fc.property(policy, (text) => {
        const withTeam = release({
          'org/a.cedar': 'permit (principal, action in Action::"read", resource);',
          'teams/books/a.cedar': text,
        });
        if (!('policies' in withTeam)) return;
        for (const operation of ['shop:get', 'shop:post']) {
          const [was, is] = [ask(without, operation), ask(withTeam, operation)];
          expect([is.outcome, is.reason, is.parties[0]?.errors]).toEqual([
            was.outcome,
            was.reason,
            was.parties[0]?.errors,
          ]);
        }
      }),
      { numRuns },
    );
  },
  timeoutMs,
);

test(
  'no policy is refused as reaching only outside that, written as a guardrail, would apply inside',
  () => {
    const own = OPERATIONS.filter((operation) => !operation.startsWith('shop:'));
    fc.assert(
      fc.property(policy, (text) => {
        const asTeam = release({ 'teams/books/a.cedar': text });
        if ('policies' in asTeam) return;
        expect(asTeam).toContain('team-policy-outside');
        const asGuardrail = release({ 'org/a.cedar': text });
        if (!('policies' in asGuardrail)) throw new Error('only its place was wrong');
        for (const operation of own) {
          expect(ask(asGuardrail, operation).parties[0]?.determining).toEqual([]);
        }
      }),
      { numRuns },
    );
  },
  timeoutMs,
);
