/** (2) What is asked: in its canonical form, as an action of the service. */
import {
  type LoadedRelease,
  type RoutedRequest,
  type RouteReason,
  routeRequest,
  type Service,
} from '@postern/policy-engine';
import type { Result } from '@postern/result';
import type { CheckRequest } from './request.ts';

/** The service is known by now. */
export type RouteToActionReason = Exclude<RouteReason, 'service-unknown'>;

/** As `routeRequest`, for a service that the enforcement point may ask about; without one there is a fault, no refusal. */
export function routeToAction(
  release: LoadedRelease,
  service: Service,
  request: CheckRequest,
): Result<RoutedRequest, RouteToActionReason> {
  const routed = routeRequest(release, service.name, request);
  if (routed.ok) return routed;
  const { reason } = routed;
  if (reason === 'service-unknown') throw new Error('a bound service is not in the release');
  return { ...routed, reason };
}
