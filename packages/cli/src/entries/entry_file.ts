/**
 * A file of registration entries, as it is kept in version control: whose it is, and its entries, each with its place in
 * the text. YAML without anchors and tags, or JSON. Whatever is wrong is said with file and line before anything is sent.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CreateEntryRequest } from '@postern/api';
import { checkEntryInput } from '@postern/ca';
import { refusedEntry } from '@postern/functions/admin/entry_refusal';
import {
  createSource,
  type Decode,
  flag,
  formatProblems,
  lineOf,
  listOf,
  object,
  optional,
  type Placed,
  Problems,
  placed,
  placeOf,
  readYaml,
  report,
  required,
  text,
  withDefault,
} from '@postern/policy-engine/yaml';
import { parseTrustDomain } from '@postern/spiffe';
import type { Cli } from '../cli.ts';
import { CommandFailure } from '../failure.ts';
import { parseDuration } from '../option_values.ts';
import { keyOf } from './entry_key.ts';

export interface WantedEntry {
  readonly request: CreateEntryRequest;
  /** From 1. */
  readonly line: number;
}

export interface EntryFile {
  /** As it was named on the command line. */
  readonly file: string;
  readonly owner: string;
  readonly entries: readonly WantedEntry[];
}

/** A reader waits two seconds for so many. */
export const MAX_FILE_ENTRIES = 20_000;
const MAX_FILE_BYTES = 8 * 1024 * 1024;
const MAX_ID_CHARS = 2048;
const ADVICE = 'see docs/entries.md for the form of the file';

/** Numbers have no unit, and would be read as seconds by one and as minutes by another. */
const duration: Decode<number> = (node, file) => {
  const value = text({ what: 'a duration such as 90s, 15m, 4h or 30d', maxChars: 16 })(node, file);
  if (value === undefined) return undefined;
  try {
    return parseDuration(value);
  } catch {
    return report(file, 'yaml-value', node, 'expected a duration such as 90s, 15m, 4h or 30d');
  }
};

const time: Decode<number> = (node, file) => {
  const what = 'a time with its zone, such as 2027-01-31T00:00:00Z';
  const check = (value: string) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(value) && Date.parse(value) > 0;
  const value = text({ what, check, maxChars: 32 })(node, file);
  return value === undefined ? undefined : Date.parse(value);
};

const names = (what: string, max: number) => listOf(text({ what, maxChars: MAX_ID_CHARS }), { max });

const entry = object({
  spiffeId: required(text({ what: 'a SPIFFE ID', maxChars: MAX_ID_CHARS })),
  parent: required(text({ what: 'the SPIFFE ID of an agent or attestor', maxChars: MAX_ID_CHARS })),
  selectors: withDefault(names('a selector such as unix:uid:1000', 32), []),
  ttl: optional(duration),
  jwtTtl: optional(duration),
  dnsNames: withDefault(names('a DNS name', 16), []),
  federatesWith: withDefault(names('a trust domain', 32), []),
  hint: optional(text({ what: 'a text', maxChars: 1024 })),
  profile: optional(text({ what: 'a profile', maxChars: 64 })),
  sharedTemplate: optional(flag),
  expiresAt: optional(time),
});

const entryFile = object({
  owner: optional(text({ what: 'a name', maxChars: 63 })),
  entries: required(listOf(placed(entry), { max: MAX_FILE_ENTRIES })),
});

type Read = NonNullable<ReturnType<typeof entry>>;

/** `owner`: of the command line; the file's own when absent. One of them is there, and they do not differ. */
export function readEntryFile({ io }: Cli, file: string, owner: string | undefined): EntryFile {
  const problems = new Problems();
  const source = createSource(file, readText(resolve(io.folder, file)));
  const read = readYaml(source, entryFile, problems, MAX_FILE_BYTES);
  const named = read?.owner ?? owner;
  if (read !== undefined && named === undefined)
    problems.error('yaml-key-missing', placeOf(source), 'it says no `owner`, whose entries these are');
  if (read?.owner !== undefined && owner !== undefined && read.owner !== owner)
    problems.error('yaml-value', placeOf(source), `its owner is \`${read.owner}\`, and --owner says another`);
  const entries = (read?.entries ?? []).map(({ value, place }) => ({ request: requestOf(value, named), place }));
  checkEntries(entries, problems);
  if (problems.hasErrors || named === undefined) throw malformed(file, problems);
  return { file, owner: named, entries: entries.map(({ request, place }) => ({ request, line: lineOf(place) })) };
}

function requestOf(read: Read, owner: string | undefined): CreateEntryRequest {
  const {
    spiffeId,
    parent: parentId,
    selectors,
    dnsNames,
    federatesWith,
    hint,
    profile,
    ttl,
    jwtTtl,
    expiresAt,
  } = read;
  return {
    spiffeId,
    parentId,
    selectors,
    ...(ttl !== undefined && { ttlSeconds: ttl }),
    ...(jwtTtl !== undefined && { jwtTtlSeconds: jwtTtl }),
    ...(dnsNames.length > 0 && { dnsNames }),
    ...(federatesWith.length > 0 && { federatesWith }),
    ...(hint !== undefined && hint !== '' && { hint }),
    ...(profile !== undefined && { profile }),
    ...(read.sharedTemplate === true && { isTemplateShared: true }),
    ...(owner !== undefined && { owner }),
    ...(expiresAt !== undefined && { expiresAtMs: expiresAt }),
  };
}

/** By the rules of the control plane, as far as they need nothing of it. */
function checkEntries(
  entries: readonly { readonly request: CreateEntryRequest; readonly place: Placed<Read>['place'] }[],
  problems: Problems,
): void {
  const seen = new Set<string>();
  for (const { request, place } of entries) {
    const name = /^spiffe:\/\/([^/]*)/.exec(request.spiffeId)?.[1] ?? '';
    const trustDomain = parseTrustDomain(name);
    const checked = checkEntryInput(request, trustDomain.ok ? trustDomain.value : (name as never));
    if (!checked.ok) {
      const { detail = '', members } = refusedEntry(checked, (trustDomain.ok ? name : 'demo.test') as never);
      problems.error('yaml-value', place, `${detail}: ${members?.['advice']}`);
    }
    const key = keyOf(request);
    if (seen.has(key))
      problems.error('yaml-value', place, 'the same SPIFFE ID, parent, selectors and hint stand in the file before');
    seen.add(key);
  }
}

function readText(path: string): string {
  const unreadable = (why: string, cause?: unknown) =>
    new CommandFailure('usage', 'file-unreadable', `\`${path}\` cannot be read: ${why}`, ADVICE, { cause });
  let handle: number | undefined;
  try {
    // Not to wait for a writer where the path is a pipe.
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw unreadable('it is not a file');
    if (stat.size > MAX_FILE_BYTES) throw unreadable(`it is larger than ${MAX_FILE_BYTES} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(handle));
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    throw unreadable((cause as NodeJS.ErrnoException).code ?? 'fault', cause);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function malformed(file: string, problems: Problems): CommandFailure {
  const list = problems.list();
  const [first] = list;
  const where = first === undefined ? '' : `: line ${first.line}: ${first.message}`;
  return new CommandFailure('usage', 'entries-malformed', `\`${file}\` cannot be used${where}`, ADVICE, {
    members: { problems: list },
    text: formatProblems(list, 'text'),
  });
}
