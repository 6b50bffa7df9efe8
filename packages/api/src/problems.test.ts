import { describe, expect, test } from 'vitest';
import { PATHS } from './paths.ts';
import { createProblem, PROBLEMS, type ProblemCode } from './problems.ts';

describe('the registry', () => {
  const rows = Object.entries(PROBLEMS) as [ProblemCode, (typeof PROBLEMS)[ProblemCode]][];

  test.each(rows)('%s says what both sides do, in one line each', (code, { status, title, caller, operator }) => {
    expect(code).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    for (const text of [title, caller, operator]) expect(text).toMatch(/^[a-z`][^\n]*[^.\n]$/);
  });

  test('has a status once: a caller that knows only it does the right thing', () => {
    const statuses = rows.map(([, { status }]) => status);
    expect(new Set(statuses).size).toBe(statuses.length);
  });

  test('tells no kind of credential failure from another', () => {
    expect(rows.filter(([, { status }]) => status === 401).map(([code]) => code)).toEqual(['not-authenticated']);
  });
});

test('a problem is what RFC 9457 says, and its status is the registry’s', () => {
  const problem = createProblem('conflict', { detail: 'entry-exists', problems: [1] });
  expect(problem).toEqual({
    type: 'urn:postern:problem:conflict',
    code: 'conflict',
    title: PROBLEMS.conflict.title,
    status: 409,
    detail: 'entry-exists',
    problems: [1],
  });
});

test('no extension takes the place of what the registry says', () => {
  const problem = createProblem('unavailable', { status: 200, code: 'allowed', type: 'about:blank', title: 'fine' });
  expect(problem).toMatchObject({ status: 503, code: 'unavailable', type: 'urn:postern:problem:unavailable' });
});

test('every door has a path of its own, and none climbs', () => {
  // OpenID Connect Discovery 1.0 (4) says where this one is; ACME's lead from one to the other.
  const { admin, keys, acme, openidConfiguration: _, ...others } = PATHS;
  const paths = [...Object.values(others), ...Object.values(admin), ...Object.values(keys)].map((path) =>
    typeof path === 'function' ? (path as (name: string) => string)('x') : path,
  );
  expect(new Set(paths).size).toBe(paths.length);
  for (const path of paths) expect(path).toMatch(/^\/v1(?:\/[a-z0-9-]+)+$/);
  const led = Object.values(acme).map((path) => (typeof path === 'function' ? path('x', '0') : path));
  expect(new Set(led).size).toBe(led.length);
  for (const path of led) expect(path).toMatch(/^\/acme(?:\/[a-z0-9-]+)+$/);
});
