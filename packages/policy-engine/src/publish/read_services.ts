/** `services/*.yaml`: one protected destination per file, named like the file. */
import { isMap } from 'yaml';
import { isTimeZone } from '../local_time.ts';
import { ACTION_NAME, isRoleArn, MAX_NAME_CHARS, METHOD, NAME, splitSpiffeId } from '../release/names.ts';
import type { Route, Service } from '../release/release.ts';
import { MAX_MEMBERS, MAX_ROUTES, MAX_STALE_AFTER_SECONDS } from '../release/release_shape.ts';
import { parseHost, parsePattern } from '../routing/index.ts';
import { checkRoutes } from './check_routes.ts';
import { readOperations } from './openapi/read_operations.ts';
import type { Problems } from './problem.ts';
import { REGISTERED_METHODS } from './registered_methods.ts';
import { DOCUMENT_FILE, type Repository } from './repository.ts';
import { type Place, placeOf, type Source } from './source.ts';
import {
  type Decode,
  flag,
  integer,
  listOf,
  object,
  oneOf,
  optional,
  type Placed,
  placed,
  placeOfNode,
  readYaml,
  required,
  text,
  withDefault,
} from './yaml_reader.ts';

export interface ServiceFile {
  readonly service: Service;
  readonly place: Place;
  readonly ownerPlace: Place;
}

/** An observing service enforces again after this long at most (design: modes). */
const MAX_OBSERVE_MS = 30 * 86_400_000;
/** Revocations older than this are still unknown to a decision point that hears nothing. */
const DEFAULT_FEED_STALE_AFTER_SECONDS = 300;

const name = text({
  what: 'a name of lower-case letters, digits, `-` and `_`',
  check: (t) => NAME.test(t),
  maxChars: MAX_NAME_CHARS,
});
const userRequirement = oneOf('required', 'optional', 'none');

const methodToken = text({ what: 'a method in capitals', check: (t) => METHOD.test(t) });

/** One that nobody registered may be meant; mostly it is misspelt, and its route is never asked for. */
const method: Decode<string> = (node, file) => {
  const value = methodToken(node, file);
  if (value !== undefined && !REGISTERED_METHODS.has(value)) {
    file.problems.warning('method-unknown', placeOfNode(file, node), `\`${value}\` is no registered method`);
  }
  return value;
};

const route = object({
  action: required(
    text({ what: 'an action name such as `refund`', check: (t) => ACTION_NAME.test(t), maxChars: MAX_NAME_CHARS }),
  ),
  methods: required(listOf(method, { min: 1, max: 50 })),
  path: required(text({ what: 'a path such as `/refunds/{id}`', check: (t) => t.startsWith('/') })),
  groups: withDefault(listOf(name, { max: 50 }), []),
  user: optional(userRequirement),
});

const documentFile = placed(
  text({ what: 'a file below `openapi/`, such as `openapi/payments.yaml`', check: (t) => DOCUMENT_FILE.test(t) }),
);
const basePath = text({ what: 'a path such as `/v1`, or nothing', check: (t) => t === '' || isBasePath(t) });
const documentMapping = object({ document: required(documentFile), basePath: optional(basePath) });

interface OpenApiReference {
  readonly document: Placed<string>;
  readonly basePath: string | undefined;
}

/** A file by itself, or with the path that its operations are below. */
const openapi: Decode<OpenApiReference> = (node, file) => {
  if (isMap(node)) return documentMapping(node, file);
  const document = documentFile(node, file);
  return document && { document, basePath: undefined };
};

/** Services run in the deployment's own trust domain; callers may come from others. */
function serviceDecoder(trustDomain: string) {
  const isOwnId = (id: string) => {
    const parts = splitSpiffeId(id);
    return parts !== undefined && parts.trustDomain === trustDomain && parts.path !== '';
  };
  const ownId = text({ what: `a SPIFFE ID below \`spiffe://${trustDomain}/\``, check: isOwnId });
  return object({
    name: required(placed(name)),
    owner: required(placed(name)),
    hosts: required(
      listOf(text({ what: 'a host name in lower case, without port', check: isHost }), { min: 1, max: MAX_MEMBERS }),
    ),
    spiffeIds: withDefault(listOf(ownId, { max: MAX_MEMBERS }), []),
    enforcementPoints: required(
      listOf(
        text({
          what: `a SPIFFE ID below \`spiffe://${trustDomain}/\`, or a role ARN such as \`arn:aws:iam::123456789012:role/proxy\`, without the role’s path`,
          check: (t) => isOwnId(t) || isRoleArn(t),
        }),
        { min: 1, max: MAX_MEMBERS },
      ),
    ),
    user: withDefault(userRequirement, 'required'),
    assurance: withDefault(listOf(oneOf('certificate', 'xfcc-certificate', 'xfcc-uri'), { min: 1, max: 3 }), [
      'certificate' as const,
    ]),
    pathParameters: withDefault(oneOf('reject', 'keep'), 'reject'),
    mode: withDefault(oneOf('enforce', 'observe'), 'enforce'),
    observeUntil: optional(placed(text({ what: 'an instant such as 2026-12-31T00:00:00Z', check: isInstant }))),
    whenStale: withDefault(oneOf('deny', 'last-known-good'), 'deny'),
    feedStaleAfterSeconds: withDefault(integer(10, MAX_STALE_AFTER_SECONDS), DEFAULT_FEED_STALE_AFTER_SECONDS),
    timeZone: optional(text({ what: 'an IANA time zone such as `Europe/Berlin`', check: isTimeZone, maxChars: 64 })),
    identityHeaders: withDefault(flag, true),
    routes: withDefault(listOf(placed(route), { max: MAX_ROUTES }), []),
    openapi: optional(openapi),
  });
}

export function readServices(
  { services: sources, documents }: Pick<Repository, 'services' | 'documents'>,
  trustDomain: string,
  nowMs: number,
  problems: Problems,
): readonly ServiceFile[] {
  const used = new Set<string>();
  const decode = serviceDecoder(trustDomain);
  const files: ServiceFile[] = [];
  for (const source of sources) {
    const read = readYaml(source, decode, problems);
    if (read === undefined) continue;
    const stem = source.file.replace(/^services\//, '').replace(/\.ya?ml$/, '');
    if (read.name.value !== stem) {
      problems.error('service-name', read.name.place, `the file of a service has its name: \`${stem}\``);
    }
    const own = read.routes.map(({ value, place }) => ({ value: routeOf(value), place }));
    const { openapi: reference, ...rest } = read;
    if (reference !== undefined) used.add(reference.document.value);
    const routes = [...own, ...(reference === undefined ? [] : describedRoutes(reference, documents, problems))];
    if (routes.length > MAX_ROUTES)
      problems.error('openapi-too-large', read.name.place, `more than ${MAX_ROUTES} routes`);
    checkRoutes(routes, read.name.value, problems);
    const { observeUntil, timeZone, name: serviceName, owner, ...members } = rest;
    const observeUntilMs = observeEnd(read.mode, observeUntil, read.name.place, nowMs, problems);
    files.push({
      service: {
        ...members,
        name: serviceName.value,
        owner: owner.value,
        routes: routes.map(({ value }) => value),
        ...(observeUntilMs !== undefined && { observeUntilMs }),
        ...(timeZone !== undefined && { timeZone }),
      },
      place: serviceName.place,
      ownerPlace: owner.place,
    });
  }
  checkDistinct(files, problems);
  for (const [file, source] of documents) {
    if (!used.has(file))
      problems.warning('openapi-unused', placeOf(source), 'no service says `openapi` with this file');
  }
  return files;
}

/** Several services may share a document: hosts and owners tell them apart. */
function describedRoutes(
  { document, basePath: base }: OpenApiReference,
  documents: ReadonlyMap<string, Source>,
  problems: Problems,
): readonly Placed<Route>[] {
  const source = documents.get(document.value);
  if (source !== undefined) return readOperations(source, base, problems);
  problems.error('openapi-unknown', document.place, `there is no file \`${document.value}\``);
  return [];
}

function routeOf({ user, ...route }: Omit<Route, 'user'> & { readonly user: Route['user'] | undefined }): Route {
  return user === undefined ? route : { ...route, user };
}

function observeEnd(
  mode: Service['mode'],
  until: Placed<string> | undefined,
  place: Place,
  nowMs: number,
  problems: Problems,
): number | undefined {
  if (mode === 'enforce') {
    if (until !== undefined) problems.error('observe-end', until.place, '`observeUntil` goes with `mode: observe`');
    return undefined;
  }
  const untilMs = until === undefined ? Number.NaN : Date.parse(until.value);
  if (untilMs > nowMs && untilMs <= nowMs + MAX_OBSERVE_MS) return untilMs;
  problems.error('observe-end', until?.place ?? place, '`mode: observe` needs `observeUntil`, at most 30 days ahead');
  return undefined;
}

/** One name, one file; and one workload, one service: else it would belong to two teams. */
function checkDistinct(files: readonly ServiceFile[], problems: Problems): void {
  const names = new Set<string>();
  const owners = new Map<string, string>();
  for (const { service, place } of files) {
    if (names.has(service.name)) problems.error('service-name', place, 'another file has this name');
    names.add(service.name);
    for (const id of service.spiffeIds) {
      const other = owners.get(id);
      if (other !== undefined) problems.error('spiffe-id-shared', place, `\`${id}\` is also of service \`${other}\``);
      owners.set(id, service.name);
    }
  }
}

/** Literal segments only, and no slash at the end: the paths of the document begin with one. */
function isBasePath(candidate: string): boolean {
  const pattern = candidate.endsWith('/') || !candidate.startsWith('/') ? undefined : parsePattern(candidate);
  return pattern?.ok === true && pattern.value.every(({ kind }) => kind === 'literal');
}

function isHost(candidate: string): boolean {
  const host = parseHost(candidate);
  return host.ok && host.value.name === candidate;
}

function isInstant(candidate: string): boolean {
  return (
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(candidate) && !Number.isNaN(Date.parse(candidate))
  );
}
