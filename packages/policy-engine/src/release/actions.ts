/** The actions of a service: those of its routes, or its methods when it declares no routes. */
import type { Route, Service } from './release.ts';

/** Action groups that every release has; a service's own are prefixed with its name. */
export const ACTION_GROUPS = ['read', 'write'] as const;

/** Any path: what a service without routes has. */
const ANY_PATH = '/{path*}';
const METHOD_GROUPS: readonly (readonly [method: string, group: (typeof ACTION_GROUPS)[number]])[] = [
  ['GET', 'read'],
  ['HEAD', 'read'],
  ['OPTIONS', 'read'],
  ['POST', 'write'],
  ['PUT', 'write'],
  ['PATCH', 'write'],
  ['DELETE', 'write'],
];

/** Other methods (CONNECT, TRACE, those to come) are not routed: nobody said whether they read or write. */
const METHOD_ROUTES: readonly Route[] = METHOD_GROUPS.map(([method, group]) => ({
  action: method.toLowerCase(),
  methods: [method],
  path: ANY_PATH,
  groups: [group],
}));

export function routesOf(service: Service): readonly Route[] {
  return service.routes.length === 0 ? METHOD_ROUTES : service.routes;
}

/** Cedar id of an action, such as `payments:refund`. */
export function actionId(serviceName: string, action: string): string {
  return `${serviceName}:${action}`;
}

function actionGroupId(serviceName: string, group: string): string {
  return ACTION_GROUPS.some((name) => name === group) ? group : `${serviceName}:${group}`;
}

/** Cedar ids of a service's actions, each with the ids of its groups. */
export function actionsOf(service: Service): ReadonlyMap<string, readonly string[]> {
  const actions = new Map<string, readonly string[]>();
  for (const route of routesOf(service)) {
    const id = actionId(service.name, route.action);
    const groups = route.groups.map((name) => actionGroupId(service.name, name));
    const others = actions.get(id) ?? [];
    actions.set(id, [...new Set([...others, ...groups])]);
  }
  return actions;
}
