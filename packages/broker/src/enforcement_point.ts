/** (1) Who asks, and whether it may ask about this service. */
import type { LoadedRelease, Service } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { EnforcementPoint } from './request.ts';

export type EnforcementPointReason = 'enforcement-point-unknown' | 'service-not-bound';

/**
 * Believes an enforcement point only for the services bound to it. Prevents a proxy that was taken over from probing or
 * answering for others, and a client that reaches the socket from asking at all. `point`: as the transport proved it,
 * `undefined` when it proved nobody. A service that does not exist is refused like one that is not bound: an
 * enforcement point learns only of its own.
 */
export function checkEnforcementPoint(
  release: LoadedRelease,
  serviceName: string,
  point: EnforcementPoint | undefined,
): Result<Service, EnforcementPointReason> {
  if (point === undefined || !isEnforcementPoint(release, point)) return refuse('enforcement-point-unknown');
  const service = release.services.get(serviceName)?.service;
  if (service === undefined || !service.enforcementPoints.includes(point.id)) return refuse('service-not-bound');
  return accept(service);
}

/** Whether it may ask about any service at all. */
export function isEnforcementPoint(release: LoadedRelease, point: EnforcementPoint | undefined): boolean {
  return point !== undefined && pointsOf(release).has(point.id);
}

/** Everyone who may ask about any service; made once per release. */
function pointsOf(release: LoadedRelease): ReadonlySet<string> {
  let points = knownPoints.get(release);
  if (points === undefined) {
    points = new Set(release.release.services.flatMap((service) => service.enforcementPoints));
    knownPoints.set(release, points);
  }
  return points;
}

const knownPoints = new WeakMap<LoadedRelease, ReadonlySet<string>>();
