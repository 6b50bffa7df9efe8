/** Registration entries, for people. */
import type { EntryAnswer } from '@postern/api';
import { formatFields, formatTime, type Paint } from './terminal_text.ts';

export function formatEntry(paint: Paint, entry: EntryAnswer): string {
  const { ttlSeconds, jwtTtlSeconds, updatedAtMs, expiresAtMs } = entry;
  const seconds = (value: number | undefined) => (value === undefined ? undefined : `${value} s`);
  const time = (value: number | undefined) => (value === undefined ? undefined : formatTime(value));
  return formatFields(paint, [
    ['id', entry.id],
    ['revision', entry.revision],
    ['SPIFFE ID', entry.spiffeId],
    ['parent', entry.parentId],
    ['selectors', entry.selectors.join(' ') || 'none: whoever is proven at the parent'],
    ['DNS names', (entry.dnsNames ?? []).join(' ')],
    ['federates with', (entry.federatesWith ?? []).join(' ')],
    ['TTL', seconds(ttlSeconds)],
    ['JWT TTL', seconds(jwtTtlSeconds)],
    ['profile', entry.profile],
    ['hint', entry.hint],
    ['names', entry.isTemplateShared === true ? 'shared with other attestors' : undefined],
    ['owner', entry.owner],
    ['created', formatTime(entry.createdAtMs)],
    ['changed', time(updatedAtMs)],
    ['expires', time(expiresAtMs)],
  ]);
}
