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
  | 'entry-hint';

/** Only the control plane itself names things below it: its agents and functions. */
export const RESERVED_PATH = '/postern/';
export const AGENT_PATH = '/postern/agent/';
const MAX_SELECTORS = 32;
const MAX_SELECTOR_LENGTH = 512;
const MAX_DNS_NAMES = 16;
const MAX_HINT_LENGTH = 1024;
const MAX_TTL_SECONDS = 24 * 60 * 60;
/** `unix:uid:1000`: a type, then whatever that attestor says. */
const SELECTOR = /^[a-z][a-z0-9_]*:[\x21-\x7e]+$/;

/** `input`: from an administrator; bounded and checked like any other input. */
export function checkEntryInput(input: EntryInput, trustDomain: TrustDomain): Result<void, EntryReason> {
  const id = parseSpiffeId(input.spiffeId);
  if (!id.ok) return refuse('entry-spiffe-id', id.reason);
  if (id.value.trustDomain !== trustDomain) return refuse('entry-trust-domain');
  if (id.value.path === '') return refuse('entry-path-missing');
  if (`${id.value.path}/`.startsWith(RESERVED_PATH)) return refuse('entry-path-reserved');
  const parent = parseSpiffeId(input.parentId);
  if (!parent.ok || parent.value.trustDomain !== trustDomain || !parent.value.path.startsWith(AGENT_PATH)) return refuse('entry-parent');
  const { selectors, dnsNames = [], hint = '', ttlSeconds } = input;
  if (selectors.length === 0 || selectors.length > MAX_SELECTORS) return refuse('entry-selectors', 'count');
  const isSelector = (selector: string) => selector.length <= MAX_SELECTOR_LENGTH && SELECTOR.test(selector);
  if (!selectors.every(isSelector) || new Set(selectors).size !== selectors.length) return refuse('entry-selectors');
  if (ttlSeconds !== undefined && !(Number.isSafeInteger(ttlSeconds) && ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS))
    return refuse('entry-ttl');
  if (dnsNames.length > MAX_DNS_NAMES || !dnsNames.every(isLdhName)) return refuse('entry-dns-name');
  return hint.length <= MAX_HINT_LENGTH ? accept(undefined) : refuse('entry-hint');
}

/** `name`: one path segment chosen by the operator. */
export function agentSpiffeId(trustDomain: TrustDomain, name: string): Result<string, 'agent-name'> {
  const id = parseSpiffeId(`spiffe://${trustDomain}${AGENT_PATH}${name}`);
  return id.ok && !name.includes('/') ? accept(id.value.uri) : refuse('agent-name');
}
