/** Messages of the SPIFFE Workload API (standards/workloadapi.proto), written. */
import type { WorkloadIdentity } from '../identity_source.ts';
import { MessageWriter } from '../protobuf/writer.ts';

type Bundles = ReadonlyMap<string, readonly Uint8Array[]>;

/** `X509SVIDResponse`. The first identity is the default one (Workload API 8). */
export function writeX509SvidResponse(
  identities: readonly WorkloadIdentity[],
  trustDomain: string,
  bundles: Bundles,
): Uint8Array {
  const message = new MessageWriter();
  const bundle = Buffer.concat([...(bundles.get(trustDomain) ?? [])]);
  const hints = new Set<string>();
  for (const identity of identities) {
    // Hints that are not empty are unique in a response (5.2.1): the oldest entry keeps it.
    const hint = hints.has(identity.hint) ? '' : identity.hint;
    hints.add(identity.hint);
    message.message(
      1,
      new MessageWriter()
        .text(1, identity.spiffeId)
        .bytes(2, Buffer.concat([...identity.chain]))
        .bytes(3, identity.privateKey)
        .bytes(4, bundle)
        .text(5, hint),
    );
  }
  for (const [name, authorities] of bundles) {
    if (name !== trustDomain) message.message(3, bundleEntry(name, authorities));
  }
  return message.finish();
}

/** `X509BundlesResponse`. */
export function writeX509BundlesResponse(bundles: Bundles): Uint8Array {
  const message = new MessageWriter();
  for (const [name, authorities] of bundles) message.message(2, bundleEntry(name, authorities));
  return message.finish();
}

/** Keyed by the trust domain's SPIFFE ID (Workload API 4.6). */
function bundleEntry(trustDomain: string, authorities: readonly Uint8Array[]): MessageWriter {
  return new MessageWriter().text(1, `spiffe://${trustDomain}`).bytes(2, Buffer.concat([...authorities]));
}
