/** Name constraints on URIs (RFC 5280 4.2.1.10): a signing certificate that may name only some trust domains. */
import { contextTag, type DerElement, readImplicitIa5, readSequence, TAG } from '@postern/der';
import { NAME_TAGS } from './general_name.ts';
import { parseSpiffeId } from './spiffe_id.ts';
import { Fields, Malformed, must } from './strict_fields.ts';

export interface UriConstraints {
  /** Hosts, such as `demo.test`, or `.demo.test` for whatever is below it; lower case. */
  readonly permitted: readonly string[];
  readonly excluded: readonly string[];
  /** There are constraints on other kinds of name too, which nothing here applies: such an authority is refused. */
  readonly hasOtherKinds: boolean;
}

const HOST = /^\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
const IPV4_ADDRESS = /^\d{1,3}(\.\d{1,3}){3}$/;

/** `trees`: contents of a NameConstraints. Throws `Malformed`. */
export function readNameConstraints(trees: readonly DerElement[]): UriConstraints {
  const fields = new Fields(trees);
  const permitted = fields.optional(contextTag(0, 'constructed'));
  const excluded = fields.optional(contextTag(1, 'constructed'));
  fields.end('nameConstraints');
  if (permitted === undefined && excluded === undefined) throw new Malformed('nameConstraints: empty');
  const [permittedHosts, excludedHosts] = [readSubtrees(permitted), readSubtrees(excluded)];
  return {
    permitted: permittedHosts.hosts,
    excluded: excludedHosts.hosts,
    hasOtherKinds: permittedHosts.hasOtherKinds || excludedHosts.hasOtherKinds,
  };
}

function readSubtrees(list: DerElement | undefined): { hosts: string[]; hasOtherKinds: boolean } {
  const hosts: string[] = [];
  let hasOtherKinds = false;
  if (list === undefined) return { hosts, hasOtherKinds };
  const subtrees = must(readSequence({ ...list, tag: TAG.sequence }), 'generalSubtrees');
  if (subtrees.length === 0) throw new Malformed('generalSubtrees: empty');
  for (const subtree of subtrees) {
    const fields = new Fields(must(readSequence(subtree), 'generalSubtree'));
    const base = fields.next('base');
    // `minimum` is 0, which DER leaves out, and there is no `maximum`.
    fields.end('generalSubtree');
    if (base.tag === NAME_TAGS.uri) hosts.push(readHost(base));
    else hasOtherKinds = true;
  }
  return { hosts, hasOtherKinds };
}

function readHost(base: DerElement): string {
  const host = must(readImplicitIa5(base), 'nameConstraints').toLowerCase();
  if (!HOST.test(host)) throw new Malformed('nameConstraints: no host');
  return host;
}

/**
 * Whether every URI of a certificate below lies within. Fails closed: constraints on other kinds of name, a URI that is
 * no SPIFFE ID and an IP address in place of a host (4.2.1.10) are never within.
 */
export function isWithinConstraints(constraints: UriConstraints, uris: readonly string[]): boolean {
  if (constraints.hasOtherKinds) return false;
  return uris.every((uri) => {
    const id = parseSpiffeId(uri);
    if (!id.ok || IPV4_ADDRESS.test(id.value.trustDomain)) return false;
    const isAt = (host: string) => isHostWithin(id.value.trustDomain, host);
    if (constraints.excluded.some(isAt)) return false;
    return constraints.permitted.length === 0 || constraints.permitted.some(isAt);
  });
}

/** The host itself, or, for a constraint that begins with a dot, one with more labels in front. */
function isHostWithin(name: string, host: string): boolean {
  return host.startsWith('.') ? name.length > host.length && name.endsWith(host) : name === host;
}
