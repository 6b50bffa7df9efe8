/** What a service takes, and from whom, that it refused before. One row for each thing that can be so. */
import type { Service } from '../release/index.ts';
import type { Widening, WideningCode } from './widening.ts';

interface Rule {
  readonly code: WideningCode;
  /** Of a service that both have. */
  messages(before: Service, after: Service): readonly string[];
}

const added = (before: readonly string[], after: readonly string[]) => after.filter((item) => !before.includes(item));

const RULES: readonly Rule[] = [
  {
    code: 'service-believes-more',
    messages: (before, after) =>
      added(before.assurance, after.assurance).map((kind) => `callers may be known by \`${kind}\` now`),
  },
  {
    code: 'service-believes-more',
    messages: (before, after) =>
      added(before.enforcementPoints, after.enforcementPoints).map((id) => `${id} may ask about it now`),
  },
  {
    code: 'service-takes-more',
    messages: (before, after) => added(before.hosts, after.hosts).map((host) => `requests to ${host} are taken now`),
  },
  {
    code: 'service-takes-more',
    messages: (before, after) =>
      before.pathParameters === 'reject' && after.pathParameters === 'keep' ? ['`;` in paths is taken now'] : [],
  },
  {
    code: 'service-stale-longer',
    messages: (before, after) =>
      before.whenStale === 'deny' && after.whenStale === 'last-known-good'
        ? ['`whenStale` is `last-known-good`: it goes on without news, and denied before']
        : [],
  },
  {
    code: 'service-stale-longer',
    messages: ({ feedStaleAfterSeconds: was }, { feedStaleAfterSeconds: is }) =>
      is > was ? [`it goes on without news for ${is} s, before for ${was} s`] : [],
  },
];

/** `before`: `undefined` for a new service, which can let through only what policies permit, or all by `mode: observe`. */
export function serviceWidenings(before: Service | undefined, after: Service): Widening[] {
  const subject = after.name;
  const found =
    before === undefined
      ? []
      : RULES.flatMap(({ code, messages }) => messages(before, after).map((message) => ({ code, subject, message })));
  if (observesUntil(after) <= observesUntil(before)) return found;
  const message = 'denials are let through, from now on or for longer: `mode: observe`';
  return [{ code: 'service-observes', subject, message }, ...found];
}

function observesUntil(service: Service | undefined): number {
  return service?.mode === 'observe' ? (service.observeUntilMs ?? 0) : 0;
}
