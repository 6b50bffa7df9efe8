/** Routes of one service: each can match, no two claim one request, each action means one thing. */
import { ACTION_GROUPS } from '../release/actions.ts';
import type { Route } from '../release/release.ts';
import { createRouter, parsePattern, shapeOfPattern } from '../routing/index.ts';
import type { Problems } from './problem.ts';
import type { Placed } from './yaml_reader.ts';

export function checkRoutes(routes: readonly Placed<Route>[], service: string, problems: Problems): void {
  const claimed = new Map<string, string>();
  for (const { value, place } of routes) {
    const pattern = parsePattern(value.path);
    if (!pattern.ok) {
      problems.error('route-invalid', place, `no request can match \`${value.path}\`: ${pattern.reason}`);
      continue;
    }
    for (const method of value.methods) {
      const claim = `${method} ${shapeOfPattern(pattern.value)}`;
      const other = claimed.get(claim);
      if (other !== undefined) problems.error('route-conflict', place, `${method} ${value.path} is also \`${other}\``);
      claimed.set(claim, value.action);
    }
  }
  const [first] = routes;
  const router = createRouter(routes.map(({ value }) => value));
  if (!router.ok && router.reason === 'routes-too-ambiguous' && first !== undefined) {
    problems.error('route-conflict', first.place, 'the routes of this service overlap in too many ways');
  }
  checkActions(routes, service, problems);
}

/** One action in two sets of groups would be permitted by the one and forbidden by the other. */
function checkActions(routes: readonly Placed<Route>[], service: string, problems: Problems): void {
  const groupsOf = new Map<string, string>();
  const groupNames = new Set<string>(routes.flatMap(({ value }) => value.groups));
  for (const { value, place } of routes) {
    const groups = [...value.groups].sort().join(' ');
    if ((groupsOf.get(value.action) ?? groups) !== groups) {
      problems.error('action-ambiguous', place, `\`${value.action}\` is in other groups on another route`);
    }
    groupsOf.set(value.action, groups);
    if (groupNames.has(value.action) && !ACTION_GROUPS.some((group) => group === value.action)) {
      problems.error('action-ambiguous', place, `\`${service}:${value.action}\` is an action and a group`);
    }
  }
}
