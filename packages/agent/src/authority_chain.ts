/**
 * Whether an SVID leads to the authority that signs now. The trust bundle names that one last: what leads to another is
 * renewed before that one is distrusted, and what leads to none is worth nothing already.
 */
import { type Certificate, parseCertificate } from '@postern/spiffe';

/** `current`: to the last · `superseded`: to one that signs no more · `lost`: to none. */
export type Standing = 'current' | 'superseded' | 'lost';

const parsed = new WeakMap<Uint8Array, Certificate>();

/** `chain`: DER, leaf first, without the root. `authorities`: DER, in the bundle's order; with none, nobody can say. */
export function standingOf(chain: readonly Uint8Array[], authorities: readonly Uint8Array[]): Standing {
  const top = certificateOf(chain.at(-1));
  if (top === undefined || authorities.length === 0) return 'current';
  const isAbove = (der: Uint8Array | undefined) => {
    const authority = certificateOf(der);
    return (
      authority !== undefined &&
      authority.subjectKeyId === top.authorityKeyId &&
      Buffer.compare(authority.subject, top.issuer) === 0
    );
  };
  if (isAbove(authorities.at(-1))) return 'current';
  return authorities.some(isAbove) ? 'superseded' : 'lost';
}

/** Hex; of whoever signed the leaf. `undefined`: of a chain that cannot be read. */
export const issuerKeyIdOf = (chain: readonly Uint8Array[]): string | undefined =>
  certificateOf(chain[0])?.authorityKeyId;

function certificateOf(der: Uint8Array | undefined): Certificate | undefined {
  if (der === undefined) return undefined;
  const known = parsed.get(der);
  if (known !== undefined) return known;
  const certificate = parseCertificate(der);
  if (!certificate.ok) return undefined;
  parsed.set(der, certificate.value);
  return certificate.value;
}

/** Long enough that a fleet does not ask at once, short enough that an old root is soon of no use to anybody. */
export const FOLLOW_ROOT_MS = 10 * 60_000;

export interface RootFollower {
  /** Whether it is time to have another, under the authority that signs now. `serial`: hex; fixes when. */
  isDue(svid: { readonly chain: readonly Uint8Array[]; readonly serial: string }, nowMs: number): boolean;
}

/** `authorities`: those of the own trust domain, as they are known now. */
export function createRootFollower(
  authorities: () => readonly Uint8Array[],
  followRootMs: number = FOLLOW_ROOT_MS,
): RootFollower {
  let last: Uint8Array | undefined;
  let sinceMs = 0;
  return {
    isDue({ chain, serial }, nowMs) {
      const present = authorities();
      const signing = present.at(-1);
      if (last === undefined || signing === undefined || Buffer.compare(last, signing) !== 0) {
        [last, sinceMs] = [signing, nowMs];
      }
      const standing = standingOf(chain, present);
      if (standing !== 'superseded') return standing === 'lost';
      const jitter = (Number.parseInt(serial.slice(-4), 16) || 0) / 0xffff;
      return nowMs >= sinceMs + followRootMs * jitter;
    },
  };
}
