/**
 * What an import makes of another system's registrations: a file for `entry apply`, and all that could not be carried over,
 * each with its reason. Nothing is carried over in part: an entry with a selector left out would fit more than it did.
 */
import type { CreateEntryRequest } from '@postern/api';
import { checkEntryInput } from '@postern/ca';
import { refusedEntry } from '@postern/functions/admin/entry_refusal';
import { parseTrustDomain } from '@postern/spiffe';
import { printable } from '../terminal_text.ts';
import { keyOf, settledOf } from './entry_key.ts';

export interface Skipped {
  /** Its name or id in the other system. */
  readonly name: string;
  /** Stable, kebab-case. */
  readonly reason: string;
  readonly detail: string;
}

export interface ImportedEntries {
  readonly entries: readonly CreateEntryRequest[];
  readonly skipped: readonly Skipped[];
  /** Of what was carried over, but not quite as it was. */
  readonly notes: readonly Skipped[];
}

/** Takes entries in, one after the other, by the rules of the control plane. */
export class ImportBuilder implements ImportedEntries {
  readonly entries: CreateEntryRequest[] = [];
  readonly skipped: Skipped[] = [];
  readonly notes: Skipped[] = [];
  readonly #seen = new Set<string>();

  skip(name: string, reason: string, detail: string): undefined {
    this.skipped.push({ name, reason, detail });
    return undefined;
  }

  note(name: string, reason: string, detail: string): void {
    this.notes.push({ name, reason, detail });
  }

  add(name: string, request: CreateEntryRequest): undefined {
    const trustDomain = parseTrustDomain(/^spiffe:\/\/([^/]*)/.exec(request.spiffeId)?.[1] ?? '');
    if (!trustDomain.ok)
      return this.skip(name, 'entry-spiffe-id', `\`${request.spiffeId.slice(0, 200)}\` is no SPIFFE ID`);
    const checked = checkEntryInput(request, trustDomain.value);
    if (!checked.ok) return this.skip(name, checked.reason, refusedEntry(checked, trustDomain.value).detail ?? '');
    const key = keyOf(request);
    if (this.#seen.has(key)) return this.skip(name, 'entry-exists', 'the same entry stands in the file already');
    this.#seen.add(key);
    this.entries.push(settledOf(request));
    return undefined;
  }
}

const FILE_KEYS: { readonly [M in keyof CreateEntryRequest]?: string } = {
  parentId: 'parent',
  ttlSeconds: 'ttl',
  jwtTtlSeconds: 'jwtTtl',
  isTemplateShared: 'sharedTemplate',
  expiresAtMs: 'expiresAt',
};

/** YAML as `entry apply` reads it; what was left out stands in comments, so that the file tells it to its reviewers too. */
export function renderEntryFile(owner: string, source: string, imported: ImportedEntries): string {
  const comment = (text: string) => `# ${printable(text)}\n`;
  const listed = (title: string, items: readonly Skipped[]) =>
    items.length === 0
      ? ''
      : comment(title) + items.map(({ name, reason, detail }) => comment(`  ${name}: ${reason}: ${detail}`)).join('');
  return [
    comment(`from ${source}: ${imported.entries.length} entries, ${imported.skipped.length} not carried over`),
    listed('not carried over:', imported.skipped),
    listed('carried over, and to be looked at:', imported.notes),
    `owner: ${JSON.stringify(owner)}\n`,
    imported.entries.length === 0 ? 'entries: []\n' : 'entries:\n',
    ...imported.entries.map(renderEntry),
  ].join('');
}

function renderEntry(entry: CreateEntryRequest): string {
  const lines = Object.entries(entry)
    .filter(([member]) => member !== 'owner')
    .map(([member, value]) => {
      const key = FILE_KEYS[member as keyof CreateEntryRequest] ?? member;
      return `${key}: ${renderValue(member, value)}`;
    });
  return `  - ${lines.join('\n    ')}\n`;
}

/** A JSON text is YAML too, whatever it holds. */
function renderValue(member: string, value: unknown): string {
  if (member.endsWith('Seconds')) return `${value}s`;
  if (member === 'expiresAtMs') return JSON.stringify(new Date(Number(value)).toISOString().replace(/\.\d{3}Z$/, 'Z'));
  return Array.isArray(value) ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]` : JSON.stringify(value);
}
