/** The whole decision of the broker: certificate, user token, routing, posture, the engine for both parties. Warm. */
import { createBroker } from '@postern/broker';
import { NOW_MS, POINT, POLICIES, REQUEST, SERVICES, stateWith, testService } from '@postern/broker/testing';
import type { Contender } from '../measure/alternate.ts';
import { callsFor, cpuPerCallUs } from '../measure/cpu_time.ts';
import { createPolicyWorld, VERBS } from './policies.ts';

/** A refund in the test world, whose release has so many policies of other services besides. */
export function brokerContender(policies: number, runMs: number): Contender<'broker'> {
  const world = createPolicyWorld(policies);
  const routes = VERBS.map((verb) => ({
    action: verb,
    methods: [verb === 'read' ? 'GET' : 'POST'],
    path: '/{rest*}',
    groups: [verb],
  }));
  const state = stateWith({
    services: [...SERVICES, ...world.services.map(({ name, team }) => testService({ name, owner: team, routes }))],
    policies: [...POLICIES, ...world.policies.map(({ cedar }) => ['org', cedar] as const)],
  });
  const broker = createBroker({ clock: { nowMs: () => NOW_MS } });
  const decision = broker.check(state, REQUEST, POINT);
  if (decision.outcome !== 'allow')
    throw new Error(`the refund is one to allow, not ${decision.outcome} ${decision.reason}`);
  const call = () => void broker.check(state, REQUEST, POINT);
  const calls = callsFor(runMs, call, 100);
  return { name: 'broker', run: () => cpuPerCallUs(calls, call) };
}
