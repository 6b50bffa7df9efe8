/** From a raw request to the service's action: refuse what is not canonical, compare the host, match the route. */
import { accept, type Result, refuse } from '@postern/result';
import { actionId } from './release/actions.ts';
import type { LoadedRelease } from './release/load.ts';
import type { Route, Service, UserRequirement } from './release/release.ts';
import { type HostReason, type MatchReason, parseHost, parseTarget, type TargetReason } from './routing/index.ts';

export interface RawRequest {
  readonly method: string;
  /** Exactly as the proxy received it; never decoded, never through `URL`. */
  readonly target: string;
  /** `Host` or `:authority`. */
  readonly authority: string;
}

export interface RoutedRequest {
  readonly service: Service;
  /** Full Cedar action id, such as `payments:refund`. */
  readonly action: string;
  readonly route: Route;
  /** Canonical, exactly as received, without the query. */
  readonly path: string;
  /** Lower case, without port and trailing dot. */
  readonly host: string;
  /** The route's requirement, else the service's. */
  readonly user: UserRequirement;
}

export type RouteReason = TargetReason | HostReason | MatchReason | 'service-unknown' | 'host-not-served';

/**
 * Routes an untrusted request to an action of the service that the enforcement point named. Never rewrites: a request
 * that upstream and Postern could read differently is refused, each way with its own reason. `host-not-served` when the
 * host is none of the service's, because the proxy then routed by something else than what is decided about.
 * Cost: linear in the target's length, independent of the number of services and routes.
 */
export function routeRequest(
  loaded: LoadedRelease,
  serviceName: string,
  request: RawRequest,
): Result<RoutedRequest, RouteReason> {
  const entry = loaded.services.get(serviceName);
  if (entry === undefined) return refuse('service-unknown');
  const { service, router } = entry;
  const target = parseTarget(request.target, service);
  if (!target.ok) return target;
  const host = parseHost(request.authority);
  if (!host.ok) return host;
  if (!service.hosts.includes(host.value.name)) return refuse('host-not-served');
  const route = router.match(request.method, target.value.segments);
  if (!route.ok) return route;
  return accept({
    service,
    action: actionId(service.name, route.value.action),
    route: route.value,
    path: target.value.path,
    host: host.value.name,
    user: route.value.user ?? service.user,
  });
}
