/** Policies for a kind of party that no request they could apply to has. */
import { actionId, routesOf } from '../../release/actions.ts';
import type { Service, UserRequirement } from '../../release/release.ts';
import type { JudgedPolicy } from './judged_policy.ts';
import { typeOfScope } from './principal_scope.ts';

/**
 * Why the party is never there: a user where the routes look for none, `Anonymous::"user"` where they require one or look
 * for none. `undefined` where it may be.
 */
export function whyAbsent(
  { policy: { principal }, reach }: JudgedPolicy,
  services: ReadonlyMap<string, Service>,
): string | undefined {
  const type = typeOfScope(principal);
  const isAnonymousUser = principal.op === '==' && principal.uid.type === 'Anonymous' && principal.uid.id === 'user';
  if ((type !== 'User' && !isAnonymousUser) || reach.size === 0) return undefined;
  const met = new Set<UserRequirement>();
  for (const { service: name, action } of reach) {
    const service = services.get(name);
    for (const route of service === undefined ? [] : routesOf(service)) {
      if (actionId(name, route.action) === action) met.add(route.user ?? (service as Service).user);
    }
  }
  if (isAnonymousUser) {
    return met.has('optional') ? undefined : 'nobody stands in for a user here: no route says `user: optional`';
  }
  return met.has('required') || met.has('optional') ? undefined : 'no route here looks at users: `user: none`';
}
