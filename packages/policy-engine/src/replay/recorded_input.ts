/**
 * What a decision was made from, as one line of JSON, so that it can be made again by other policies. The format is
 * docs/decisions/0011; whoever exports recorded inputs writes it with `formatRecordedInput`.
 */
import { accept, type Result, refuse } from '@postern/result';
import {
  type CedarRecord,
  contextFromJson,
  type EntityInput,
  entitiesOf,
  entityInputsFromJson,
  entityUidFromJson,
  formatJson,
  isJsonFields,
  type JsonFields,
  type JsonValue,
  parseJson,
  recordOfEntries,
  type Value,
} from '../cedar/index.ts';
import type { DecisionInput, Party, PartyKind } from '../decision.ts';
import { entityToJson, recordToJson, uidToJson } from './value_to_json.ts';

export const RECORDED_INPUT_VERSION = 1;
/** UTF-16 code units of one line: a user in a thousand groups has some 100 KiB. */
export const MAX_RECORDED_INPUT_CHARS = 256 * 1024;
const MAX_PARTIES = 8;
const MAX_ENTITIES = 64;
const MAX_TEXT_CHARS = 8 * 1024;

export interface RecordedInput {
  readonly atMs: number;
  readonly service: string;
  /** Full Cedar id of what the request was routed to then; absent when it was refused before. For readers: a replay routes anew. */
  readonly action?: string;
  /** As received, without the query. */
  readonly request: { readonly method: string; readonly path: string; readonly host: string };
  readonly parties: readonly Party[];
  /** Without `DERIVED_ATTRIBUTES`. */
  readonly context: CedarRecord;
  /** The parties' attributes and groups. */
  readonly entities: readonly EntityInput[];
}

/** Context attributes that a replay makes from the instant, the request and the service's time zone. */
export const DERIVED_ATTRIBUTES: ReadonlySet<string> = new Set(['now', 'local', 'request']);

export type RecordedInputReason = 'record-too-long' | 'record-malformed' | 'record-version-unknown';

/** From what the engine was asked: what a decision point exports. `request`: untrusted; a query is cut off, it may be secret. */
export function recordInput(
  input: Omit<DecisionInput, 'action'> & { readonly action?: string },
  request: RecordedInput['request'],
): RecordedInput {
  const { nowMs, service, action, parties, context, entities } = input;
  const { method, path, host } = request;
  const names = context.names().filter((name) => !DERIVED_ATTRIBUTES.has(name));
  return {
    atMs: nowMs,
    service,
    ...(action !== undefined && { action }),
    request: { method, path: path.replace(/\?.*$/s, ''), host },
    parties,
    context: recordOfEntries(names.map((name) => [name, context.get(name) as Value])),
    entities,
  };
}

/** One line, without its line break. */
export function formatRecordedInput(input: RecordedInput): string {
  const { atMs, service, action, request, parties, context, entities } = input;
  const { method, path, host } = request;
  return formatJson({
    v: RECORDED_INPUT_VERSION,
    atMs,
    service,
    ...(action !== undefined && { action }),
    request: { method, path, host },
    parties: parties.map(({ kind, principal }) => ({ kind, principal: uidToJson(principal) })),
    context: recordToJson(context),
    entities: entities.map(entityToJson),
  });
}

/**
 * Reads one untrusted line. Unknown members are passed over, so that an older reader reads what a newer writer of the
 * same version wrote. `detail` names the member that is wrong, never its value.
 */
export function parseRecordedInput(line: string): Result<RecordedInput, RecordedInputReason> {
  if (line.length > MAX_RECORDED_INPUT_CHARS) return refuse('record-too-long', `${line.length} characters`);
  const read = readLine(line);
  if (!read.ok) return read;
  const json = read.value;
  if (!isJsonFields(json)) return refuse('record-malformed', 'not a JSON object');
  if (json['v'] !== RECORDED_INPUT_VERSION) return refuse('record-version-unknown', 'v');
  const { atMs, service, action, request } = json;
  if (!Number.isSafeInteger(atMs)) return refuse('record-malformed', 'atMs');
  if (!isText(service)) return refuse('record-malformed', 'service');
  if (action !== undefined && !isText(action)) return refuse('record-malformed', 'action');
  if (!isJsonFields(request)) return refuse('record-malformed', 'request');
  const { method, path, host } = request;
  if (!isText(method) || !isText(path) || !isText(host)) return refuse('record-malformed', 'request');
  if (path.includes('?')) return refuse('record-malformed', 'request.path');
  const parties = readParties(json['parties']);
  if (!parties.ok) return parties;
  const context = readContext(json['context']);
  if (!context.ok) return context;
  const entities = readEntities(json['entities']);
  if (!entities.ok) return entities;
  return accept({
    atMs: Number(atMs),
    service,
    ...(action !== undefined && { action }),
    request: { method, path, host },
    parties: parties.value,
    context: context.value,
    entities: entities.value,
  });
}

/** The built-in reader is several times faster and rounds no integer that has fewer digits than these. */
const LONG_INTEGER = /[0-9]{16}/;

function readLine(line: string): Result<JsonValue, 'record-malformed'> {
  if (LONG_INTEGER.test(line)) {
    const json = parseJson(line);
    return json.ok ? json : refuse('record-malformed', json.reason);
  }
  try {
    return accept(JSON.parse(line) as JsonValue);
  } catch {
    return refuse('record-malformed', 'json-malformed');
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT_CHARS;
}

const PARTY_KINDS: { readonly [K in PartyKind]: true } = {
  workload: true,
  user: true,
  'anonymous-workload': true,
  'anonymous-user': true,
};

function readParties(json: unknown): Result<readonly Party[], 'record-malformed'> {
  if (!Array.isArray(json) || json.length > MAX_PARTIES) return refuse('record-malformed', 'parties');
  const parties: Party[] = [];
  for (const [index, item] of (json as readonly unknown[]).entries()) {
    const fields: JsonFields = isJsonFields(item) ? item : {};
    const { kind } = fields;
    if (typeof kind !== 'string' || !Object.hasOwn(PARTY_KINDS, kind))
      return refuse('record-malformed', `parties[${index}].kind`);
    const principal = entityUidFromJson(fields['principal']);
    if (!principal.ok) return refuse('record-malformed', `parties[${index}].principal: ${principal.reason}`);
    parties.push({ kind: kind as PartyKind, principal: principal.value });
  }
  return accept(parties);
}

/** A derived attribute that differs from what it is derived from would be a second truth. */
function readContext(json: unknown): Result<CedarRecord, 'record-malformed'> {
  const context = contextFromJson(json);
  if (!context.ok) return refuse('record-malformed', `context: ${context.reason}`);
  const derived = context.value.names().find((name) => DERIVED_ATTRIBUTES.has(name));
  return derived === undefined ? context : refuse('record-malformed', `context.${derived}`);
}

/** What a release says of its own entities is not for a record to change. */
const RELEASED_TYPES: ReadonlySet<string> = new Set(['Service', 'Team', 'WorkloadGroup', 'Action']);

function readEntities(json: unknown): Result<readonly EntityInput[], 'record-malformed'> {
  if (!Array.isArray(json) || json.length > MAX_ENTITIES) return refuse('record-malformed', 'entities');
  const entities = entityInputsFromJson(json);
  if (!entities.ok) return refuse('record-malformed', `entities: ${entities.reason}`);
  const released = entities.value.findIndex(({ uid }) => RELEASED_TYPES.has(uid.type));
  if (released >= 0) return refuse('record-malformed', `entities[${released}].uid`);
  const closed = entitiesOf(entities.value);
  return closed.ok ? entities : refuse('record-malformed', `entities: ${closed.reason}`);
}
