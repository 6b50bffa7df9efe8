/**
 * What cert-manager issues SPIFFE IDs for, as entries at an attestor that stands for the cluster. Read are
 * CertificateRequestPolicies (policy.cert-manager.io/v1alpha1, approver-policy) and Certificates (cert-manager.io/v1), as
 * `kubectl get … -o json` prints them. A policy says what a request may ask for; an entry says who is what. Only where the
 * names are those of namespace and service account, as csi-driver-spiffe makes them, do both say the same.
 */
import type { CreateEntryRequest } from '@postern/api';
import { maxEntryTtlSeconds } from '@postern/ca';
import { failure, isJsonObject, type Json, listAt, objectAt, textAt } from './import_file.ts';
import { ImportBuilder, type ImportedEntries } from './imported_entries.ts';

export const CERT_MANAGER_COMMAND =
  'make it with: kubectl get certificaterequestpolicies,certificates -A -o json > cert-manager.json';

/** `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`; `*` in a policy is any text. */
const NAMED = /^spiffe:\/\/([a-z0-9._-]+)\/ns\/(\*|[a-z0-9-]+)\/sa\/(\*|[a-z0-9.-]+)$/;
const DURATION = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})(?:\.\d+)?s)?$/;

/** `attestor`: name of the instance that verifies tokens of this cluster. */
export function importCertManager(document: unknown, { attestor }: { readonly attestor: string }): ImportedEntries {
  const builder = new ImportBuilder();
  for (const item of itemsOf(document)) {
    const kind = isJsonObject(item) ? textAt(item, 'kind') : '';
    const metadata = isJsonObject(item) ? objectAt(item, 'metadata') : {};
    const namespace = textAt(metadata, 'namespace').slice(0, 63);
    const name = `${kind || 'item'} ${namespace === '' ? '' : `${namespace}/`}${textAt(metadata, 'name').slice(0, 253)}`;
    if (!isJsonObject(item)) builder.skip(name, 'not-an-object', 'it is no Kubernetes object');
    else if (kind === 'CertificateRequestPolicy') importPolicy(builder, objectAt(item, 'spec'), name, attestor);
    else if (kind === 'Certificate') importCertificate(builder, objectAt(item, 'spec'), name, { attestor, namespace });
    else
      builder.skip(name, 'kind-unsupported', 'only CertificateRequestPolicy and Certificate say who gets which name');
  }
  return builder;
}

function itemsOf(document: unknown): readonly unknown[] {
  if (isJsonObject(document) && Array.isArray(document['items'])) return document['items'];
  if (isJsonObject(document) && typeof document['kind'] === 'string') return [document];
  throw failure('import-malformed', 'the file is no list of Kubernetes objects', CERT_MANAGER_COMMAND);
}

function importPolicy(builder: ImportBuilder, spec: Json, name: string, attestor: string): undefined {
  const allowed = objectAt(spec, 'allowed');
  const uris = objectAt(allowed, 'uris');
  const values = listAt(uris, 'values').map(String);
  const { matchNames, matchLabels } = objectAt(objectAt(spec, 'selector'), 'namespace');
  const namespaces = Array.isArray(matchNames) ? matchNames.map(String) : ['*'];
  if (values.length === 0) return builder.skip(name, 'no-spiffe-id', 'it allows no URI');
  if (allowed['isCA'] === true) return builder.skip(name, 'authority', 'it lets whoever asks be an authority');
  if (listAt(uris, 'validations').length > 0)
    return builder.skip(name, 'validations', 'rules in CEL narrow its URIs further; entries have none');
  if (Object.keys(objectAt(spec, 'plugins')).length > 0)
    return builder.skip(name, 'plugins', 'plugins decide further; entries have none');
  if (isJsonObject(matchLabels) && Object.keys(matchLabels).length > 0)
    return builder.skip(name, 'namespace-labels', 'labels of a namespace are in no token; name the namespaces');
  if (namespaces.some((it) => it.includes('*') && it !== '*'))
    return builder.skip(name, 'namespace-pattern', 'entries name namespaces in full');
  if (listAt(objectAt(allowed, 'dnsNames'), 'values').length > 0)
    builder.note(name, 'dns-names', 'DNS names were left out: give them to the entries that need them');
  builder.note(name, 'rbac', 'who may use the policy was RBAC’s to say; now it is whoever the attestor verifies');
  const ttl = ttlOf(builder, name, textAt(objectAt(spec, 'constraints'), 'maxDuration'));
  for (const value of values) {
    const [, trustDomain = '', ns = '', sa = ''] = NAMED.exec(value) ?? [];
    const where = `${name} ${value.slice(0, 200)}`;
    if (trustDomain === '') {
      builder.skip(
        where,
        'uri-pattern',
        'it is not spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT: a caller could choose its name',
      );
      continue;
    }
    const within = namespaces.includes('*') ? [ns] : namespaces.filter((it) => ns === '*' || ns === it);
    if (within.length === 0) builder.skip(where, 'namespace-outside', 'its namespace is none that the policy is for');
    for (const one of within) builder.add(where, { ...entryOf({ trustDomain, ns, sa, attestor }, one), ...ttl });
  }
  return undefined;
}

function importCertificate(
  builder: ImportBuilder,
  spec: Json,
  name: string,
  { attestor, namespace }: { readonly attestor: string; readonly namespace: string },
): undefined {
  const uris = listAt(spec, 'uris').map(String);
  const [uri = ''] = uris;
  const [, trustDomain = '', ns = '', sa = ''] = NAMED.exec(uri) ?? [];
  if (!uris.some((it) => it.startsWith('spiffe://'))) return builder.skip(name, 'no-spiffe-id', 'it has no SPIFFE ID');
  if (spec['isCA'] === true) return builder.skip(name, 'authority', 'it is an authority’s');
  if (uris.length > 1) return builder.skip(name, 'several-uris', 'an SVID has one URI (X509-SVID 2)');
  if (trustDomain === '' || ns !== namespace || sa === '*')
    return builder.skip(
      name,
      'workload-unknown',
      'it says which Secret holds it, and not which workload; only /ns/NAMESPACE/sa/ACCOUNT of its own namespace does',
    );
  const dnsNames = listAt(spec, 'dnsNames').map(String);
  return builder.add(name, {
    ...entryOf({ trustDomain, ns, sa, attestor }, ns),
    ...(dnsNames.length > 0 && { dnsNames }),
    ...ttlOf(builder, name, textAt(spec, 'duration')),
  });
}

/** `namespace`: the one that it is for, or `*`. */
function entryOf(
  { trustDomain, ns, sa, attestor }: { readonly [part in 'trustDomain' | 'ns' | 'sa' | 'attestor']: string },
  namespace: string,
): CreateEntryRequest {
  const isTemplate = ns === '*' || sa === '*';
  const selectors = [namespace === '*' ? '' : `k8s:ns:${namespace}`, sa === '*' ? '' : `k8s:sa:${sa}`];
  return {
    spiffeId: `spiffe://${trustDomain}/ns/${ns === '*' ? '{k8s:ns}' : ns}/sa/${sa === '*' ? '{k8s:sa}' : sa}`,
    parentId: `spiffe://${trustDomain}/postern/attestor/${attestor}`,
    selectors: selectors.filter((selector) => selector !== ''),
    // As they were: two clusters of one trust domain share these names.
    ...(isTemplate && { isTemplateShared: true }),
  };
}

/** A Go duration; absent is the default. */
function ttlOf(builder: ImportBuilder, name: string, text: string): { readonly ttlSeconds?: number } {
  const [, hours = '0', minutes = '0', seconds = '0'] = DURATION.exec(text) ?? [];
  const wish = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  if (text === '' || wish === 0) return {};
  const most = maxEntryTtlSeconds(undefined);
  if (wish > most) builder.note(name, 'ttl', `${text} became ${most} s; the profile long-lived has more`);
  return { ttlSeconds: Math.min(wish, most) };
}
