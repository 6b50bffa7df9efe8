/** Whatever cannot be read, searched or evaluated while a decision is made: the decision is a denial. */
import { describe, expect, test } from 'vitest';
import { type BrokerPorts, createBroker } from './decide_request.ts';
import type { Decision } from './decision.ts';
import type { CheckRequest } from './request.ts';
import * as world from './testing/index.ts';

const { NOW_MS, STATE, REQUEST, POINT } = world;
const clock = { nowMs: () => NOW_MS };
const broker = createBroker({ clock });
const check = (change: Partial<CheckRequest> = {}, state = STATE) =>
  broker.check(state, { ...REQUEST, ...change }, POINT);

describe('no fault means allow', () => {
  const fault = () => {
    throw new Error('planted');
  };
  /** The same object, but one of its members cannot be read; tells whether anybody tried. */
  function faulty<T extends object>(object: T, member: string) {
    const read = { count: 0 };
    const copy = Object.defineProperty({ ...object }, member, {
      enumerable: false,
      get: () => {
        read.count++;
        return fault();
      },
    });
    return { copy, read };
  }
  const expectFault = (decision: Decision, read = { count: 1 }) => {
    if (read.count === 0) expect(decision.outcome).toBe('allow');
    else expect(decision).toMatchObject({ outcome: 'deny', reason: 'internal-error', observed: false });
    return read.count > 0;
  };

  test.each(Object.keys(STATE))('when `%s` of the state cannot be read', (member) => {
    const { copy, read } = faulty(STATE, member);
    expectFault(check({}, copy), read);
  });

  test.each(['bundles', 'tokenKeys', 'postures', 'revocations'] as const)('when `%s` cannot be searched', (member) => {
    const map = Object.assign(new Map([['x', {}]]), { get: fault, has: fault });
    expectFault(check({}, { ...STATE, [member]: map } as typeof STATE));
  });

  test.each(Object.keys(STATE.release))('when `%s` of the loaded release cannot be read', (member) => {
    const { copy, read } = faulty(STATE.release, member);
    expectFault(check({}, { ...STATE, release: copy }), read);
  });

  test.each(Object.keys(world.SERVICES[0]!))('when `%s` of the service cannot be read', (member) => {
    const known = STATE.release.services.get('payments')!;
    const { copy, read } = faulty(known.service, member);
    const services = new Map([['payments', { ...known, service: copy }]]);
    expectFault(check({}, { ...STATE, release: { ...STATE.release, services } }), read);
  });

  test.each(Object.keys(REQUEST))('when `%s` of the request cannot be read', (member) => {
    const { copy, read } = faulty(REQUEST, member);
    expectFault(broker.check(STATE, copy, POINT), read);
  });

  test('when the enforcement point cannot be read', () => {
    const { copy, read } = faulty(POINT, 'id');
    expectFault(broker.check(STATE, REQUEST, copy), read);
  });

  test('when the policies cannot be evaluated', () => {
    const policies = Object.create(STATE.release.policies, { authorize: { value: fault } });
    expectFault(check({}, { ...STATE, release: { ...STATE.release, policies } }));
  });

  test.each<[string, Partial<BrokerPorts>]>([
    ['the clock', { clock: { nowMs: fault } }],
    ['the randomness', { random: fault }],
    ['whoever is told of faults', { clock: { nowMs: fault }, onFault: fault }],
  ])('when %s fails', (_, ports) => {
    const decision = createBroker({ clock, ...ports }).check(STATE, REQUEST, POINT);
    expectFault(decision);
    expect(decision.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('the fault is told with the decision’s id, and the next request is decided', () => {
    const told: unknown[] = [];
    const faults = createBroker({ clock, onFault: (error, id) => told.push([(error as Error).message, id]) });
    const { copy } = faulty(STATE, 'release');
    const decision = faults.check(copy, REQUEST, POINT);
    expect(told).toEqual([['planted', decision.id]]);
    expect(faults.check(STATE, REQUEST, POINT).outcome).toBe('allow');
  });
});
