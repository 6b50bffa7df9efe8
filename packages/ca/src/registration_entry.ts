/** A registration entry: which workload, known by its selectors at its parent, gets which SPIFFE ID. */
import { accept, type Result, refuse } from '@postern/result';
import { parseSpiffeId, parseTrustDomain, type TrustDomain } from '@postern/spiffe';
import { isLdhName } from './dns_name.ts';
import { flawOfIdTemplate, flawOfNameTemplate, hasLiteral, isTemplate, sampleSpiffeId } from './entry_template.ts';
import { MAX_JWT_TTL_SECONDS, MIN_JWT_TTL_SECONDS } from './jwt_svid.ts';
import { ENTRY_PROFILES, findEntryProfile, MAX_LISTED_SECONDS, WORKLOAD_PROFILE } from './profile.ts';

export interface RegistrationEntry {
  /** UUIDv7. */
  readonly id: string;
  /** Grows by one with every change. */
  readonly revision: number;
  /** At an attestor, with placeholders where each workload's own verified claims go (`entry_template.ts`). */
  readonly spiffeId: string;
  /** SPIFFE ID of the agent whose node runs the workload, or of the attestor that it shows its proof to. */
  readonly parentId: string;
  /** All must be the workload's, such as `unix:uid:1000`; at least one, unless the SPIFFE ID is a template. */
  readonly selectors: readonly string[];
  /** Of certificates; the profile's default when absent. */
  readonly ttlSeconds?: number;
  readonly jwtTtlSeconds?: number;
  /** At an attestor, with placeholders too. */
  readonly dnsNames: readonly string[];
  /** Trust domains whose bundles the workload is given besides its own. */
  readonly federatesWith: readonly string[];
  /** Tells a workload's identities apart (Workload API 8); may be empty. */
  readonly hint: string;
  /** Name of the profile that its certificates are issued by. */
  readonly profile: string;
  /** Says that workloads of other attestors may be given the same names: the template does not name its own. */
  readonly isTemplateShared?: true;
  /** Of the file that it is kept in, when it is kept in one; nobody else's `apply` touches it. */
  readonly owner?: string;
  readonly createdAtMs: number;
  readonly updatedAtMs?: number;
  /** Nothing is issued for it from then on. */
  readonly expiresAtMs?: number;
}

export type EntryInput = Pick<RegistrationEntry, 'spiffeId' | 'parentId' | 'selectors'> &
  Partial<Omit<RegistrationEntry, 'id' | 'revision' | 'createdAtMs' | 'updatedAtMs' | 'isTemplateShared'>> & {
    readonly isTemplateShared?: boolean;
  };

export type EntryReason =
  | 'entry-spiffe-id'
  | 'entry-trust-domain'
  | 'entry-path-reserved'
  | 'entry-path-missing'
  | 'entry-parent'
  | 'entry-template'
  | 'entry-template-parent'
  | 'entry-template-instance'
  | 'entry-selectors'
  | 'entry-ttl'
  | 'entry-jwt-ttl'
  | 'entry-dns-name'
  | 'entry-federates-with'
  | 'entry-hint'
  | 'entry-profile'
  | 'entry-owner'
  | 'entry-expiry';

/** Only the control plane itself names things below it: its agents and functions. */
export const RESERVED_PATH = '/postern/';
export const AGENT_PATH = '/postern/agent/';
/** Parents of workloads without an agent: instances of attestors. */
export const ATTESTOR_PATH = '/postern/attestor/';
/** No instance of an attestor has this name: as the parent of an entry it says that ACME is how its workload is known. */
export const ACME_ATTESTOR = 'acme';
/** What a door or a file takes at most of each list; the bounds of what an entry is. */
export const MAX_ENTRY_SELECTORS = 32;
export const MAX_SELECTOR_LENGTH = 512;
export const MAX_ENTRY_DNS_NAMES = 16;
export const MAX_ENTRY_FEDERATES_WITH = 32;
/** Workload API 8. */
export const MAX_HINT_BYTES = 1024;
/** Of the profile that has the most; `maxEntryTtlSeconds` says what an entry may have. */
export const MAX_ENTRY_TTL_SECONDS = MAX_LISTED_SECONDS;
/** The last moment that a Date has. */
const MAX_TIME_MS = 8.64e15;
/** So that an agent's whole ID fits into every key of the store. */
const MAX_AGENT_NAME_LENGTH = 128;
/** `unix:uid:1000`: a type, then whatever that attestor says. */
const SELECTOR = /^[a-z][a-z0-9_]*:[\x21-\x7e]+$/;
const OWNER = /^[a-z0-9][a-z0-9._/-]{0,62}$/;

/**
 * `input`: from an administrator, of the right types; bounded and checked like any other input. One reason for each
 * member: `entry-path-missing` for the trust domain's own ID, `entry-path-reserved` below `/postern/`, `entry-parent` for
 * what is no agent or attestor of this trust domain; `entry-template-parent`: an agent's word about its workloads names
 * nobody; `entry-template-instance`: neither is the attestor named in the template, nor is it said that it need not be.
 * `detail` says which rule of several.
 */
export function checkEntryInput(input: EntryInput, trustDomain: TrustDomain): Result<void, EntryReason> {
  const named = checkNames(input, trustDomain);
  if (!named.ok) return named;
  const { selectors, dnsNames = [], federatesWith = [], hint = '', profile, owner, expiresAtMs } = input;
  const isCounted = selectors.length <= MAX_ENTRY_SELECTORS && (selectors.length > 0 || isTemplate(input.spiffeId));
  if (!isCounted) return refuse('entry-selectors', 'count');
  if (!selectors.every(isSelector) || hasTwice(selectors)) return refuse('entry-selectors');
  if (!isWithin(input.ttlSeconds, 1, maxEntryTtlSeconds(profile))) return refuse('entry-ttl');
  if (!isWithin(input.jwtTtlSeconds, MIN_JWT_TTL_SECONDS, MAX_JWT_TTL_SECONDS)) return refuse('entry-jwt-ttl');
  if (dnsNames.length > MAX_ENTRY_DNS_NAMES) return refuse('entry-dns-name', 'count');
  if (!dnsNames.every((name) => isTemplate(name) || isLdhName(name)) || hasTwice(dnsNames))
    return refuse('entry-dns-name');
  if (federatesWith.length > MAX_ENTRY_FEDERATES_WITH) return refuse('entry-federates-with', 'count');
  const isForeign = (name: string) => parseTrustDomain(name).ok && name !== trustDomain;
  if (!federatesWith.every(isForeign) || hasTwice(federatesWith)) return refuse('entry-federates-with');
  if (Buffer.byteLength(hint) > MAX_HINT_BYTES || !hint.isWellFormed()) return refuse('entry-hint');
  if (profile !== undefined && !ENTRY_PROFILES.includes(profile)) return refuse('entry-profile');
  if (owner !== undefined && !OWNER.test(owner)) return refuse('entry-owner');
  if (!isWithin(expiresAtMs, 1, MAX_TIME_MS)) return refuse('entry-expiry');
  return accept(undefined);
}

/** Of an entry with the profile, or with none. One that is unknown is refused for that. */
export function maxEntryTtlSeconds(profile: string | undefined): number {
  return findEntryProfile(profile ?? WORKLOAD_PROFILE.name)?.maxTtlSeconds ?? MAX_ENTRY_TTL_SECONDS;
}

/** Whom it names, and below whom. */
function checkNames(input: EntryInput, trustDomain: TrustDomain): Result<void, EntryReason> {
  const { spiffeId, parentId, dnsNames = [] } = input;
  const hasBraces = isTemplate(spiffeId);
  const sample = hasBraces ? sampleSpiffeId(spiffeId) : spiffeId;
  const flaw = hasBraces ? flawOfIdTemplate(spiffeId) : undefined;
  if (flaw !== undefined) return refuse('entry-template', flaw);
  const id = parseSpiffeId(sample);
  if (!id.ok) return refuse('entry-spiffe-id', id.reason);
  if (id.value.trustDomain !== trustDomain) return refuse('entry-trust-domain');
  if (id.value.path === '') return refuse('entry-path-missing');
  if (`${id.value.path}/`.startsWith(RESERVED_PATH)) return refuse('entry-path-reserved');
  const attestor = attestorNameOf(parentId, trustDomain);
  if (attestor === undefined && !isAgentId(parentId, trustDomain)) return refuse('entry-parent');
  const flawedName = dnsNames.some((name) => isTemplate(name) && flawOfNameTemplate(name) !== undefined);
  if (flawedName) return refuse('entry-dns-name', 'template');
  const templates = [spiffeId, ...dnsNames].filter(isTemplate);
  if (templates.length === 0)
    return input.isTemplateShared === true ? refuse('entry-template', 'shared') : accept(undefined);
  if (attestor === undefined) return refuse('entry-template-parent');
  const isNamed = input.isTemplateShared === true || templates.every((template) => hasLiteral(template, attestor));
  return isNamed ? accept(undefined) : refuse('entry-template-instance', `\`${attestor}\``);
}

/** `name`: one path segment chosen by the operator, at most 128 characters. */
export function agentSpiffeId(trustDomain: TrustDomain, name: string): Result<string, 'agent-name'> {
  const uri = `spiffe://${trustDomain}${AGENT_PATH}${name}`;
  return isAgentId(uri, trustDomain) ? accept(uri) : refuse('agent-name');
}

/** What entries name as the parent of whoever shows a proof at the instance. `name`: of an attestor instance. */
export function attestorSpiffeId(trustDomain: TrustDomain, name: string): Result<string, 'attestor-name'> {
  const uri = `spiffe://${trustDomain}${ATTESTOR_PATH}${name}`;
  return attestorNameOf(uri, trustDomain) === undefined ? refuse('attestor-name') : accept(uri);
}

export const isAgentId = (uri: string, trustDomain: TrustDomain): boolean =>
  nameBelow(AGENT_PATH, uri, trustDomain) !== undefined;

/** Of the instance that is named as a parent; `undefined` when that is no attestor of this trust domain. */
export const attestorNameOf = (uri: string, trustDomain: TrustDomain): string | undefined =>
  nameBelow(ATTESTOR_PATH, uri, trustDomain);

function nameBelow(path: string, uri: string, trustDomain: TrustDomain): string | undefined {
  const id = parseSpiffeId(uri);
  if (!id.ok || id.value.trustDomain !== trustDomain || !id.value.path.startsWith(path)) return undefined;
  const name = id.value.path.slice(path.length);
  return name.includes('/') || name.length > MAX_AGENT_NAME_LENGTH ? undefined : name;
}

const isSelector = (selector: string): boolean => selector.length <= MAX_SELECTOR_LENGTH && SELECTOR.test(selector);

/** Absent is within any bounds. */
function isWithin(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most);
}

function hasTwice(values: readonly string[]): boolean {
  return new Set(values).size !== values.length;
}
