/**
 * SPIRE's registration entries as Postern's. Read are `spire-server entry show -output json` (and `entry create -output
 * json`), and the file of `entry create -data`: the first spells IDs as objects of trust domain and path, the second as
 * texts (spire-api-sdk `types.Entry`, spire `common.RegistrationEntry`).
 */
import type { CreateEntryRequest } from '@postern/api';
import { MAX_JWT_TTL_SECONDS, MIN_JWT_TTL_SECONDS, maxEntryTtlSeconds } from '@postern/ca';
import { failure, isJsonObject, type Json, listAt, numberAt, objectAt, textAt } from './import_file.ts';
import { ImportBuilder, type ImportedEntries } from './imported_entries.ts';
import { type ParentMap, parentOf } from './parent_map.ts';

export const SPIRE_COMMAND = 'make it with: spire-server entry show -output json > entries.json';

/** What the agent says of a process is spelled as SPIRE’s unix attestor does. */
const UNIX_SELECTORS: ReadonlySet<string> = new Set(['uid', 'gid', 'path', 'sha256']);
/** SPIRE’s k8s workload attestor → claims of a service account’s token. */
const K8S_SELECTORS: ReadonlyMap<string, string> = new Map([
  ['ns', 'k8s:ns'],
  ['sa', 'k8s:sa'],
  ['pod-name', 'k8s:pod'],
  ['pod-uid', 'k8s:pod_uid'],
  ['node-name', 'k8s:node'],
]);

export function importSpireEntries(
  document: unknown,
  options: { readonly parents: ParentMap; readonly nowMs: number },
): ImportedEntries {
  const builder = new ImportBuilder();
  for (const [index, entry] of entriesOf(document).entries())
    if (isJsonObject(entry)) importEntry(builder, entry, `${nameOf(entry)}`, options);
    else builder.skip(`entry ${index + 1}`, 'not-an-entry', 'it is no object');
  return builder;
}

function entriesOf(document: unknown): readonly unknown[] {
  if (isJsonObject(document) && Array.isArray(document['entries'])) return document['entries'];
  if (isJsonObject(document) && Array.isArray(document['results']))
    return document['results'].map((result) => (isJsonObject(result) ? result['entry'] : undefined));
  throw failure('import-malformed', 'the file has no `entries`', SPIRE_COMMAND);
}

function nameOf(entry: Json): string {
  const id = (textAt(entry, 'id') || textAt(entry, 'entry_id')).slice(0, 64);
  return `${idOf(entry, 'spiffe_id').slice(0, 300)}${id === '' ? '' : ` (${id})`}`;
}

function idOf(entry: Json, member: string): string {
  const text = textAt(entry, member);
  const id = objectAt(entry, member);
  return text === '' ? `spiffe://${textAt(id, 'trust_domain')}${textAt(id, 'path')}` : text;
}

function importEntry(
  builder: ImportBuilder,
  entry: Json,
  name: string,
  { parents, nowMs }: { readonly parents: ParentMap; readonly nowMs: number },
): undefined {
  const skip = (reason: string, detail: string) => builder.skip(name, reason, detail);
  const [spireParent, expiresAtSeconds] = [idOf(entry, 'parent_id'), numberAt(entry, 'expires_at')];
  if (entry['downstream'] === true) return skip('downstream', 'it lets a SPIRE server be an authority below this one');
  if (entry['store_svid'] === true)
    return skip('store-svid', 'its SVID goes into a secret store; nothing does that here');
  if (/^spiffe:\/\/[^/]+\/spire\/server$/.test(spireParent))
    return skip('node-alias', 'it groups nodes by what their attestation says; map the group with --parent instead');
  if (expiresAtSeconds > 0 && expiresAtSeconds * 1000 <= nowMs) return skip('expired', 'it has ended');
  const parentId = parentOf(parents, spireParent);
  if (parentId === undefined)
    return skip('parent-unmapped', `say which agent or attestor \`${spireParent.slice(0, 300)}\` is, with --parent`);
  const selectors: string[] = [];
  for (const selector of listAt(entry, 'selectors')) {
    const mapped = isJsonObject(selector) ? selectorOf(selector, parentId) : undefined;
    if (mapped === undefined)
      return skip('selector-unsupported', `\`${selectorText(selector)}\` is not known at ${parentId}`);
    selectors.push(mapped);
  }
  if (entry['admin'] === true)
    builder.note(
      name,
      'admin',
      'without its right over the SPIRE server; administrators are configured, see docs/deploy.md',
    );
  const ttlSeconds = numberAt(entry, 'x509_svid_ttl') || numberAt(entry, 'ttl');
  const most = maxEntryTtlSeconds(undefined);
  if (ttlSeconds > most) builder.note(name, 'ttl', `${ttlSeconds} s became ${most} s; the profile long-lived has more`);
  const jwtTtlSeconds = numberAt(entry, 'jwt_svid_ttl');
  const jwtTtl = Math.min(MAX_JWT_TTL_SECONDS, Math.max(MIN_JWT_TTL_SECONDS, jwtTtlSeconds));
  if (jwtTtlSeconds > 0 && jwtTtl !== jwtTtlSeconds)
    builder.note(name, 'jwt-ttl', `${jwtTtlSeconds} s became ${jwtTtl} s`);
  const texts = (member: string) => listAt(entry, member).map(String);
  const request: CreateEntryRequest = {
    spiffeId: idOf(entry, 'spiffe_id'),
    parentId,
    selectors,
    dnsNames: texts('dns_names'),
    federatesWith: texts('federates_with').map((domain) => domain.replace(/^spiffe:\/\//, '')),
    hint: textAt(entry, 'hint'),
    ...(ttlSeconds > 0 && { ttlSeconds: Math.min(ttlSeconds, most) }),
    ...(jwtTtlSeconds > 0 && { jwtTtlSeconds: jwtTtl }),
    ...(expiresAtSeconds > 0 && { expiresAtMs: expiresAtSeconds * 1000 }),
  };
  return builder.add(name, request);
}

/** One that the parent’s attestation can verify; `undefined` when it cannot. */
function selectorOf(selector: Json, parentId: string): string | undefined {
  const [type, value] = [textAt(selector, 'type'), textAt(selector, 'value')];
  const [, key = '', rest = ''] = /^([a-z0-9-]+):(.+)$/.exec(value) ?? [];
  const isAgent = parentId.includes('/postern/agent/');
  if (type === 'unix') return isAgent && UNIX_SELECTORS.has(key) ? `unix:${key}:${rest}` : undefined;
  const claim = type === 'k8s' && !isAgent ? K8S_SELECTORS.get(key) : undefined;
  return claim === undefined ? undefined : `${claim}:${rest}`;
}

function selectorText(selector: unknown): string {
  return isJsonObject(selector)
    ? `${textAt(selector, 'type')}:${textAt(selector, 'value')}`.slice(0, 200)
    : 'a selector';
}
