/** Where releases are kept: one object each, written once. */
import { parseJws } from '@postern/keys';
import { parseRelease, type Release } from '@postern/policy-engine';
import type { Objects } from '@postern/store';

export function releaseObject(number: number): string {
  // Zero-padded so that names sort as numbers do.
  return `releases/${number.toString().padStart(12, '0')}.jws`;
}

/** The content of a stored release. The object store keeps what was written; followers verify the signature themselves. */
export async function loadStoredRelease(objects: Objects, number: number): Promise<Release | undefined> {
  const bytes = await objects.get(releaseObject(number));
  if (bytes === undefined) return undefined;
  const jws = parseJws(Buffer.from(bytes).toString('latin1'), { maxBytes: bytes.length });
  if (!jws.ok) throw new Error(`stored release ${number} is not a JWS: ${jws.reason}`);
  const release = parseRelease(jws.value.payload);
  if (!release.ok) throw new Error(`stored release ${number} cannot be read: ${release.reason}`);
  return release.value;
}
