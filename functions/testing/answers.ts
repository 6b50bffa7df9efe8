/** What is expected of every refusal: one code to the caller, the reason in the record, and nothing done. */
import type { Problem } from '@postern/api';
import { expect } from 'vitest';
import type { World } from './world.ts';

export interface Refused {
  readonly status: number;
  readonly code: Problem['code'];
  /** Method and route; with `reason` what the record is found by. */
  readonly door: string;
  readonly reason: string;
  readonly caller?: string;
}

/** Calls, and holds answer, record, feed, stores and keys against what a refusal may do: nothing. */
export async function expectRefused(world: World, call: () => Promise<Response>, expected: Refused): Promise<Problem> {
  const before = world.effects();
  const response = await call();
  const problem = await problemOf(response);
  expect({ status: response.status, code: problem.code }).toEqual({ status: expected.status, code: expected.code });
  // A caller learns no reason from a refused credential, so that nobody can try out what is wrong with it.
  if (problem.code === 'not-authenticated')
    expect(Object.keys(problem).sort()).toEqual(['code', 'status', 'title', 'type']);
  const { door, reason, caller } = expected;
  const record = await world.recordOf('refusal', (it) => it.door === door && it.reason === reason);
  expect(record, `a record of ${reason} at ${door}`).toMatchObject({
    door,
    reason,
    ...(caller !== undefined && { caller }),
  });
  expect(world.effects()).toEqual(before);
  return problem;
}

export async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  return problem;
}
