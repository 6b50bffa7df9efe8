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
  const hints = hintsOf(identities);
  for (const [index, identity] of identities.entries()) {
    message.message(
      1,
      new MessageWriter()
        .text(1, identity.spiffeId)
        .bytes(2, Buffer.concat([...identity.chain]))
        .bytes(3, identity.privateKey)
        .bytes(4, bundle)
        .text(5, hints[index] ?? ''),
    );
  }
  for (const [name, authorities] of bundles) {
    if (name !== trustDomain) message.message(3, bundleEntry(name, authorities));
  }
  return message.finish();
}

/** Hints that are not empty are unique in a response (5.2.1, 6.2.1): the oldest entry keeps it. */
export function hintsOf(identities: readonly Pick<WorkloadIdentity, 'hint'>[]): readonly string[] {
  const taken = new Set<string>();
  return identities.map(({ hint }) => {
    if (taken.has(hint)) return '';
    taken.add(hint);
    return hint;
  });
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
