/** A registration entry: which workload, known by its selectors on which node, gets which SPIFFE ID. */
import { accept, type Result, refuse } from '@postern/result';
import { parseSpiffeId, type TrustDomain } from '@postern/spiffe';
import { isLdhName } from './dns_name.ts';

export interface RegistrationEntry {
  /** UUIDv7. */
  readonly id: string;
  /** Grows with every change. */
  readonly revision: number;
  readonly spiffeId: string;
  /** SPIFFE ID of the agent whose node runs the workload. */
  readonly parentId: string;
  /** All must be the workload's, such as `unix:uid:1000`; at least one. */
  readonly selectors: readonly string[];
  readonly ttlSeconds?: number;
  readonly dnsNames: readonly string[];
  /** Tells a workload's identities apart (Workload API 8); may be empty. */
  readonly hint: string;
  readonly createdAtMs: number;
  /** Nothing is issued for it from then on. */
  readonly expiresAtMs?: number;
}

export type EntryInput = Pick<RegistrationEntry, 'spiffeId' | 'parentId' | 'selectors'> &
  Partial<Pick<RegistrationEntry, 'ttlSeconds' | 'dnsNames' | 'hint' | 'expiresAtMs'>>;

export type EntryReason =
  | 'entry-spiffe-id'
  | 'entry-trust-domain'
  | 'entry-path-reserved'
  | 'entry-path-missing'
  | 'entry-parent'
  | 'entry-selectors'
  | 'entry-ttl'
  | 'entry-dns-name'
  | 'entry-hint'
  | 'entry-expiry';

/** Only the control plane itself names things below it: its agents and functions. */
export const RESERVED_PATH = '/postern/';
export const AGENT_PATH = '/postern/agent/';
const MAX_SELECTORS = 32;
const MAX_SELECTOR_LENGTH = 512;
const MAX_DNS_NAMES = 16;
/** Workload API 8. */
const MAX_HINT_BYTES = 1024;
const MAX_TTL_SECONDS = 24 * 60 * 60;
/** The last moment that a Date has. */
const MAX_TIME_MS = 8.64e15;
/** So that an agent's whole ID fits into every key of the store. */
const MAX_AGENT_NAME_LENGTH = 128;
/** `unix:uid:1000`: a type, then whatever that attestor says. */
const SELECTOR = /^[a-z][a-z0-9_]*:[\x21-\x7e]+$/;

/**
 * `input`: from an administrator, of the right types; bounded and checked like any other input. One reason for each
 * member: `entry-path-missing` for the trust domain's own ID, `entry-path-reserved` below `/postern/`, `entry-parent` for
 * what is no agent of this trust domain. `detail` says which rule of several.
 */
export function checkEntryInput(input: EntryInput, trustDomain: TrustDomain): Result<void, EntryReason> {
  const id = parseSpiffeId(input.spiffeId);
  if (!id.ok) return refuse('entry-spiffe-id', id.reason);
  if (id.value.trustDomain !== trustDomain) return refuse('entry-trust-domain');
  if (id.value.path === '') return refuse('entry-path-missing');
  if (`${id.value.path}/`.startsWith(RESERVED_PATH)) return refuse('entry-path-reserved');
  if (!isAgentId(input.parentId, trustDomain)) return refuse('entry-parent');
  const { selectors, dnsNames = [], hint = '', ttlSeconds, expiresAtMs } = input;
  if (selectors.length === 0 || selectors.length > MAX_SELECTORS) return refuse('entry-selectors', 'count');
  const isSelector = (selector: string) => selector.length <= MAX_SELECTOR_LENGTH && SELECTOR.test(selector);
  if (!selectors.every(isSelector) || hasTwice(selectors)) return refuse('entry-selectors');
  if (ttlSeconds !== undefined && !isWithin(ttlSeconds, MAX_TTL_SECONDS)) return refuse('entry-ttl');
  if (dnsNames.length > MAX_DNS_NAMES) return refuse('entry-dns-name', 'count');
  if (!dnsNames.every(isLdhName) || hasTwice(dnsNames)) return refuse('entry-dns-name');
  if (Buffer.byteLength(hint) > MAX_HINT_BYTES || !hint.isWellFormed()) return refuse('entry-hint');
  if (expiresAtMs !== undefined && !isWithin(expiresAtMs, MAX_TIME_MS)) return refuse('entry-expiry');
  return accept(undefined);
}

/** `name`: one path segment chosen by the operator, at most 128 characters. */
export function agentSpiffeId(trustDomain: TrustDomain, name: string): Result<string, 'agent-name'> {
  const uri = `spiffe://${trustDomain}${AGENT_PATH}${name}`;
  return isAgentId(uri, trustDomain) ? accept(uri) : refuse('agent-name');
}

function isAgentId(uri: string, trustDomain: TrustDomain): boolean {
  const id = parseSpiffeId(uri);
  if (!id.ok || id.value.trustDomain !== trustDomain || !id.value.path.startsWith(AGENT_PATH)) return false;
  const name = id.value.path.slice(AGENT_PATH.length);
  return !name.includes('/') && name.length <= MAX_AGENT_NAME_LENGTH;
}

function isWithin(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && value <= most;
}

function hasTwice(values: readonly string[]): boolean {
  return new Set(values).size !== values.length;
}
