import { describe, expect, test } from 'vitest';
import { formatProblems, PROBLEM_RULES, type ProblemCode, type ProblemRule } from './index.ts';
import { Problems } from './problem.ts';
import { createSource, placeOf } from './source.ts';

const source = createSource('org/a b.cedar', 'permit (principal, action, resource);\n\tforbid (x);\n');

function problemsOf(): Problems {
  const problems = new Problems();
  problems.warning('policy-shadowed', placeOf(source, 0, 6), 'no effect\u001b[31m');
  problems.error('policy-malformed', placeOf(source, 39, 45), 'unexpected `x`');
  problems.error('release-too-large', placeOf(createSource('', '')), 'too large');
  return problems;
}

describe('a report', () => {
  test('for people points at the text, and is not driven by it', () => {
    expect(formatProblems(problemsOf().list(), 'text').split('\n')).toEqual([
      'error: too large [release-too-large]',
      'org/a b.cedar:2:2: error: unexpected `x` [policy-malformed]',
      '   forbid (x);',
      '   ^^^^^^',
      'org/a b.cedar:1:1: warning: no effect [31m [policy-shadowed]',
      '  permit (principal, action, resource);',
      '  ^^^^^^',
    ]);
  });

  test('for code review names files from where it starts, and each rule once', () => {
    const [run] = JSON.parse(formatProblems(problemsOf().list(), 'sarif', './policies/main/')).runs;
    expect(run.tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual([
      'release-too-large',
      'policy-malformed',
      'policy-shadowed',
    ]);
    expect(run.results[0]).toEqual({
      ruleId: 'release-too-large',
      ruleIndex: 0,
      level: 'error',
      message: { text: 'too large' },
    });
    expect(run.results[1]).toMatchObject({
      ruleIndex: 1,
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'policies/main/org/a%20b.cedar' },
            region: { startLine: 2, startColumn: 2, endColumn: 8, snippet: { text: '\tforbid (x);' } },
          },
        },
      ],
    });
  });

  test('for code review names files in full where the repository lies elsewhere', () => {
    const [run] = JSON.parse(formatProblems(problemsOf().list(), 'sarif', 'file:///srv/policies')).runs;
    const [{ physicalLocation }] = run.results[1].locations;
    expect(physicalLocation.artifactLocation.uri).toBe('file:///srv/policies/org/a%20b.cedar');
  });

  test('is SARIF 2.1.0 as far as its schema asks (3.13, 3.14, 3.18, 3.27, 3.30, 3.49)', () => {
    const sarif = JSON.parse(formatProblems(problemsOf().list(), 'sarif'));
    expect(sarif).toMatchObject({ version: '2.1.0', $schema: expect.stringMatching(/sarif-schema-2\.1\.0\.json$/) });
    expect(sarif.runs).toHaveLength(1);
    const [{ tool, columnKind, results }] = sarif.runs;
    expect(columnKind).toBe('utf16CodeUnits');
    expect(tool.driver.name).toBe('postern');
    for (const { id, shortDescription, defaultConfiguration } of tool.driver.rules) {
      expect(id).toMatch(/^[a-z-]+$/);
      expect(shortDescription.text).not.toBe('');
      expect(['error', 'warning']).toContain(defaultConfiguration.level);
    }
    for (const { ruleId, ruleIndex, level, message, locations } of results) {
      expect(tool.driver.rules[ruleIndex].id).toBe(ruleId);
      expect(['error', 'warning']).toContain(level);
      expect(message.text).not.toBe('');
      for (const { physicalLocation } of locations ?? []) {
        expect(physicalLocation.artifactLocation.uri).toMatch(/^[A-Za-z0-9%._~/-]+$/);
        const { startLine, startColumn, endColumn } = physicalLocation.region;
        expect(Math.min(startLine, startColumn)).toBeGreaterThanOrEqual(1);
        expect(endColumn).toBeGreaterThan(startColumn);
      }
    }
  });
});

test('every rule says in one line what it finds', () => {
  const rules: [string, ProblemRule][] = Object.entries(PROBLEM_RULES);
  expect(rules.length).toBeGreaterThan(40);
  for (const [code, { what }] of rules) {
    expect(code satisfies string as ProblemCode).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    expect(what).toMatch(/^[^\n]*[^\n.]$/);
  }
});
