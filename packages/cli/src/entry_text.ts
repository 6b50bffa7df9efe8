/** Registration entries, for people. */
import type { CreateEntryRequest } from '@postern/api';
import { formatFields, formatTime, type Paint } from './terminal_text.ts';

/** As the control plane answers it. */
export interface Entry extends CreateEntryRequest {
  readonly id: string;
  readonly revision: number;
  readonly createdAtMs: number;
}

export function formatEntry(paint: Paint, entry: Entry): string {
  return formatFields(paint, [
    ['id', entry.id],
    ['SPIFFE ID', entry.spiffeId],
    ['parent', entry.parentId],
    ['selectors', entry.selectors.join(' ')],
    ['DNS names', (entry.dnsNames ?? []).join(' ')],
    ['TTL', entry.ttlSeconds === undefined ? undefined : `${entry.ttlSeconds} s`],
    ['hint', entry.hint],
    ['created', formatTime(entry.createdAtMs)],
    ['expires', entry.expiresAtMs === undefined ? undefined : formatTime(entry.expiresAtMs)],
  ]);
}
