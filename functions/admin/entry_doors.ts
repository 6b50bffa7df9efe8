/**
 * Registration entries: who may name which workloads. A service team sees and changes those below its own paths alone; to
 * it, all others are as unknown as ones that never were.
 */
import { type EntriesAnswer, type EntryAnswer, PATHS } from '@postern/api';
import type { RecordBody } from '@postern/audit';
import {
  checkEntryInput,
  type EntryFilter,
  type EntryInput,
  type EntryStore,
  MAX_ENTRY_DNS_NAMES,
  MAX_ENTRY_FEDERATES_WITH,
  MAX_ENTRY_SELECTORS,
  MAX_ENTRY_TTL_SECONDS,
  MAX_HINT_BYTES,
  MAX_SELECTOR_LENGTH,
  type RegistrationEntry,
} from '@postern/ca';
import { type Refusal, refuse } from '@postern/result';
import type { TrustDomain } from '@postern/spiffe';
import type { Context } from 'hono';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import type { Door, DoorRefusal } from '../door/door.ts';
import { checkShape, flag, integer, isCursor, listOf, optional, text } from '../door/shape.ts';
import { type EntryRefusalReason, refusedEntry } from './entry_refusal.ts';
import { isBelow, OUTSIDE, prefixesOf, refusedToTeam } from './entry_scope.ts';

export interface EntryDoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trustDomain: TrustDomain;
  readonly entries: EntryStore;
  /** Durable when they resolve. */
  readonly recordIntent: (action: string, subject: string, by: Administrator) => Promise<void>;
  readonly record: (body: RecordBody) => Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024;
const MAX_SPIFFE_ID_LENGTH = 2048;
/** Longer than any name: placeholders are filled later. */
const MAX_DNS_TEMPLATE_LENGTH = 1024;
const MAX_PAGE_LENGTH = 1000;
const revision = integer(1, Number.MAX_SAFE_INTEGER);

const ENTRY = {
  spiffeId: text(MAX_SPIFFE_ID_LENGTH),
  parentId: text(MAX_SPIFFE_ID_LENGTH),
  selectors: listOf(text(MAX_SELECTOR_LENGTH), MAX_ENTRY_SELECTORS),
  ttlSeconds: optional(integer(1, MAX_ENTRY_TTL_SECONDS)),
  jwtTtlSeconds: optional(integer(1, MAX_ENTRY_TTL_SECONDS)),
  dnsNames: optional(listOf(text(MAX_DNS_TEMPLATE_LENGTH), MAX_ENTRY_DNS_NAMES)),
  federatesWith: optional(listOf(text(255), MAX_ENTRY_FEDERATES_WITH)),
  hint: optional(text(MAX_HINT_BYTES)),
  profile: optional(text(64)),
  isTemplateShared: optional(flag),
  owner: optional(text(64)),
  expiresAtMs: optional(integer(1, Number.MAX_SAFE_INTEGER)),
};

const UNKNOWN: DoorRefusal = { refused: 'not-found', reason: 'entry-unknown' };
export function mountEntryDoors(door: Pick<Door, 'administrator'>, ports: EntryDoorPorts): void {
  const { verifyAdministrator: verify, trustDomain, entries, recordIntent } = ports;

  /** By the store, which looks once more. */
  const refusedChange = ({ reason, detail }: Refusal<EntryRefusalReason | 'entry-unknown'>): DoorRefusal =>
    reason === 'entry-unknown' ? UNKNOWN : refusedEntry(refuse(reason, detail), trustDomain);

  door.administrator(
    verify,
    'entries:write',
    'POST',
    PATHS.admin.entries,
    MAX_BODY_BYTES,
    async (context, by, body) => {
      const request = checkShape(body, ENTRY);
      if (!request.ok) return malformed(request);
      const input = request.value as EntryInput;
      const checked = checkEntryInput(input, trustDomain);
      if (!checked.ok) return refusedEntry(checked, trustDomain);
      const refused = refusedToTeam(prefixesOf(by, 'entries:write', trustDomain), input);
      if (refused !== undefined) return refused;
      await recordIntent('entry-create', input.spiffeId, by);
      const created = await entries.create(input);
      if (!created.ok) return refusedEntry(created, trustDomain);
      await ports.record({ kind: 'entry-created', ...recordedOf(created.value), by: by.name });
      return context.json(answerOf(created.value), 201);
    },
  );

  door.administrator(verify, 'entries:read', 'GET', PATHS.admin.entries, 0, async (context, by) => {
    const { after, limit: limitText = '100', prefix, parent, selector, owner } = context.req.query();
    const limit = /^\d{1,4}$/.test(limitText) ? Number(limitText) : 0;
    if (limit < 1 || limit > MAX_PAGE_LENGTH) return { refused: 'malformed-request', reason: 'limit' };
    if (!isCursor(after)) return { refused: 'malformed-request', reason: 'cursor' };
    const conditions = { spiffeIdPrefix: prefix, parentId: parent, selector, owner };
    const isBounded = Object.values(conditions).every((it) => it === undefined || optional(text(2048))(it));
    if (!isBounded)
      return { refused: 'malformed-request', reason: 'filter', detail: 'a filter is 1 to 2048 characters' };
    const below = prefixesOf(by, 'entries:read', trustDomain);
    const filter = { ...conditions, below } as EntryFilter;
    const page = await entries.list({ after, limit, filter });
    return context.json({ ...page, entries: page.entries.map(answerOf) } satisfies EntriesAnswer);
  });

  door.administrator(verify, 'entries:read', 'GET', PATHS.admin.entry(':id'), 0, async (context, by) => {
    const entry = await entries.get(idOf(context));
    if (entry === undefined) return UNKNOWN;
    return isBelow(prefixesOf(by, 'entries:read', trustDomain), entry) ? context.json(answerOf(entry)) : OUTSIDE;
  });

  door.administrator(
    verify,
    'entries:write',
    'PUT',
    PATHS.admin.entry(':id'),
    MAX_BODY_BYTES,
    async (context, by, body) => {
      const request = checkShape(body, { ...ENTRY, revision });
      if (!request.ok) return malformed(request);
      const { revision: seen, ...members } = request.value;
      const input = members as EntryInput;
      const checked = checkEntryInput(input, trustDomain);
      if (!checked.ok) return refusedEntry(checked, trustDomain);
      const before = await entries.get(idOf(context));
      if (before === undefined) return UNKNOWN;
      const prefixes = prefixesOf(by, 'entries:write', trustDomain);
      if (!isBelow(prefixes, before)) return OUTSIDE;
      const refused = refusedToTeam(prefixes, input, before);
      if (refused !== undefined) return refused;
      if (before.revision !== seen) return refusedChange(refuse('entry-revision'));
      await recordIntent('entry-update', input.spiffeId, by);
      const updated = await entries.update(before.id, seen, input);
      if (!updated.ok) return refusedChange(updated);
      const { value: entry } = updated;
      const changed = changedMembers(before, entry);
      if (entry.revision !== seen)
        await ports.record({
          kind: 'entry-updated',
          ...recordedOf(entry),
          revision: entry.revision,
          changed,
          by: by.name,
        });
      return context.json(answerOf(entry));
    },
  );

  door.administrator(verify, 'entries:write', 'DELETE', PATHS.admin.entry(':id'), 0, async (context, by) => {
    const wish = context.req.query('revision');
    const seen = wish === undefined ? undefined : Number(wish);
    if (seen !== undefined && !revision(seen)) return { refused: 'malformed-request', reason: 'revision' };
    const entry = await entries.get(idOf(context));
    if (entry === undefined) return UNKNOWN;
    if (!isBelow(prefixesOf(by, 'entries:write', trustDomain), entry)) return OUTSIDE;
    if (seen !== undefined && entry.revision !== seen) return refusedChange(refuse('entry-revision'));
    await recordIntent('entry-delete', entry.spiffeId, by);
    // A team deletes what it saw, so that no change can make it another one's in between.
    const deleted = await entries.delete(entry.id, entry.revision);
    if (!deleted.ok) return refusedChange(deleted);
    await ports.record({ kind: 'entry-deleted', ...recordedOf(deleted.value), by: by.name });
    return context.json(answerOf(deleted.value));
  });
}

const idOf = (context: Context): string => context.req.param('id') ?? '';

function malformed({ reason, detail }: { readonly reason: string; readonly detail?: string }): DoorRefusal {
  return { refused: 'malformed-request', reason, ...(detail === undefined ? {} : { detail }) };
}

function recordedOf({ id: entryId, spiffeId, parentId, selectors }: RegistrationEntry) {
  return { entryId, spiffeId, parentId, selectors };
}

/** Names of members; not counting those that every change changes. */
function changedMembers(before: RegistrationEntry, after: RegistrationEntry): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const textOf = (entry: RegistrationEntry, name: string) => JSON.stringify(entry[name as keyof RegistrationEntry]);
  return [...names]
    .filter((name) => !['revision', 'updatedAtMs'].includes(name) && textOf(before, name) !== textOf(after, name))
    .sort();
}

/** The same members: what is stored holds no secret. */
const answerOf = (entry: RegistrationEntry): EntryAnswer => entry;
