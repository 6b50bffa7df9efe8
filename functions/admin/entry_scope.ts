/** What a service team may enter: its own workloads, below its own paths. To it, all other entries are not there. */
import type { EntryInput, RegistrationEntry } from '@postern/ca';
import type { TrustDomain } from '@postern/spiffe';
import { type Administrator, pathsOf } from '../door/administrator.ts';
import type { DoorRefusal } from '../door/door.ts';

/** What the caller's SPIFFE IDs begin with, each with a `/` at its end; `undefined`: all are the caller's. */
export function prefixesOf(
  by: Administrator,
  permission: 'entries:read' | 'entries:write',
  trustDomain: TrustDomain,
): readonly string[] | undefined {
  return pathsOf(by, permission)?.map((path) => `spiffe://${trustDomain}${path}`);
}

/** The caller is told what of an entry that never was; the record says what was tried. */
export const OUTSIDE: DoorRefusal = { refused: 'not-found', reason: 'entry-outside-paths' };

/** Also of a template: what its prefix says is literal. */
export function isBelow(prefixes: readonly string[] | undefined, { spiffeId }: Pick<EntryInput, 'spiffeId'>): boolean {
  return prefixes === undefined || prefixes.some((prefix) => spiffeId.startsWith(prefix));
}

/**
 * A team names its own workloads. What it would get by a DNS name is no matter of its paths, and would let it pass for
 * whoever has that name: operators grant those, to the workloads that the entry was for. `before`: the entry as it is.
 */
export function refusedToTeam(
  prefixes: readonly string[] | undefined,
  input: EntryInput,
  before?: RegistrationEntry,
): DoorRefusal | undefined {
  if (prefixes === undefined) return undefined;
  if (!isBelow(prefixes, input)) {
    const detail = `your SPIFFE IDs begin with ${prefixes.join(' or ')}`.slice(0, 1000);
    return { refused: 'not-permitted', reason: 'entry-outside-paths', detail };
  }
  if (input.selectors.length === 0 && before?.selectors.length !== 0) {
    const detail = 'an entry for everybody at an attestor is an operator’s to make: give a selector of your workloads';
    return { refused: 'not-permitted', reason: 'entry-for-everybody', detail };
  }
  const names = input.dnsNames ?? [];
  if (names.length === 0) return undefined;
  const isGranted = before !== undefined && isForNobodyElse(input, before);
  const detail =
    'DNS names are granted by an operator, and for the workloads of that entry alone: leave them out, or ask one';
  return isGranted ? undefined : { refused: 'not-permitted', reason: 'entry-dns-name-not-granted', detail };
}

/** Whether whoever gets the names now could get them before: from the same parent, by all its selectors, under one ID. */
function isForNobodyElse(input: EntryInput, before: RegistrationEntry): boolean {
  return (
    (input.dnsNames ?? []).every((name) => before.dnsNames.includes(name)) &&
    input.parentId === before.parentId &&
    input.spiffeId === before.spiffeId &&
    (input.isTemplateShared ?? false) === (before.isTemplateShared ?? false) &&
    before.selectors.every((selector) => input.selectors.includes(selector))
  );
}
