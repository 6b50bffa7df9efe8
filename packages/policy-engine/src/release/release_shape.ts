/** What the members of a release look like; the types are in `release.ts`. */
import { ACTION_NAME, MAX_NAME_CHARS, MAX_SPIFFE_ID_CHARS, METHOD, NAME } from './names.ts';
import type { Release } from './release.ts';
import { boolean, integer, listOf, mapOf, members, object, oneOf, optional, type Shape, text } from './shape.ts';
import { MAX_OPERANDS } from './shared_parts.ts';

export const MAX_POLICIES = 20_000;
export const MAX_SERVICES = 5_000;
export const MAX_TEAMS = 5_000;
export const MAX_ROUTES = 5_000;
/** Of one service, group or team. */
export const MAX_MEMBERS = 1_000;
export const MAX_POLICY_ID_CHARS = 255;
/** One year. */
export const MAX_STALE_AFTER_SECONDS = 366 * 86_400;

const name = text(MAX_NAME_CHARS, NAME);
const spiffeId = text(MAX_SPIFFE_ID_CHARS, /^spiffe:\/\//);
const userRequirement = oneOf('required', 'optional', 'none');
const digest = text(64, /^[0-9a-f]{64}$/);

const policy = object({
  id: text(MAX_POLICY_ID_CHARS, /./),
  effect: oneOf('permit', 'forbid'),
  level: oneOf('org', 'team'),
  team: optional(name),
  file: text(1024),
  line: integer(1),
  clauseLines: optional(listOf(integer(1), MAX_OPERANDS)),
  annotations: mapOf(text(64 * 1024), 100),
  json: members,
  digest,
});

const route = object({
  action: text(MAX_NAME_CHARS, ACTION_NAME),
  methods: listOf(text(32, METHOD), 50),
  path: text(2048, /^\//),
  groups: listOf(name, 50),
  user: optional(userRequirement),
});

const service = object({
  name,
  owner: name,
  hosts: listOf(text(255), MAX_MEMBERS),
  spiffeIds: listOf(spiffeId, MAX_MEMBERS),
  enforcementPoints: listOf(text(MAX_SPIFFE_ID_CHARS), MAX_MEMBERS),
  user: userRequirement,
  assurance: listOf(oneOf('certificate', 'xfcc-certificate', 'xfcc-uri'), 3),
  pathParameters: oneOf('reject', 'keep'),
  mode: oneOf('enforce', 'observe'),
  observeUntilMs: optional(integer(0)),
  whenStale: oneOf('deny', 'last-known-good'),
  feedStaleAfterSeconds: integer(1, MAX_STALE_AFTER_SECONDS),
  timeZone: optional(text(64)),
  routes: listOf(route, MAX_ROUTES),
  identityHeaders: boolean,
});

const issuer = object({
  issuer: text(2048, /^https?:\/\//),
  audiences: listOf(text(2048), 100),
  algorithms: listOf(text(16), 16),
  tokens: listOf(oneOf('access-token', 'id-token'), 2),
  groupsClaim: optional(text(255)),
  groups: mapOf(name, MAX_TEAMS),
  deviceClaim: optional(text(255)),
});

const signer = object({ keyId: text(255, /./), jwk: mapOf(text(4096), 20) });

/** Every member of the type has a row, so that a new one cannot be forgotten here. `format` is checked before. */
const rows: { readonly [K in Exclude<keyof Release, 'format'>]: Shape } = {
  trustDomain: text(255, /^[a-z0-9._-]+$/),
  number: integer(1),
  madeAtMs: integer(0),
  staleAfterSeconds: integer(1, MAX_STALE_AFTER_SECONDS),
  ring: name,
  contentDigest: digest,
  policies: listOf(policy, MAX_POLICIES),
  schema: text(4 * 1024 * 1024),
  services: listOf(service, MAX_SERVICES),
  teams: listOf(object({ name, parent: optional(name) }), MAX_TEAMS),
  workloadGroups: listOf(object({ name, spiffeIds: listOf(spiffeId, 100_000) }), MAX_TEAMS),
  issuers: listOf(issuer, 100),
  nextSigners: listOf(signer, 16),
  strictErrors: boolean,
};

export const releaseShape: Shape = object(rows);
