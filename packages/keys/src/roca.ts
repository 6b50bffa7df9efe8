/**
 * ROCA (CVE-2017-15361): RSA keys made by a widespread smart-card library, whose private half follows from the public one.
 * Their moduli are powers of 65537 modulo each of these primes; of other moduli about one in 2^27 is.
 */

const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/** For each prime, the residues that a vulnerable modulus can have. */
const POWERS: readonly (readonly [prime: bigint, residues: ReadonlySet<bigint>])[] = PRIMES.map((prime) => {
  const residues = new Set<bigint>();
  for (let power = 1; !residues.has(BigInt(power)); power = (power * 65537) % prime) residues.add(BigInt(power));
  return [BigInt(prime), residues];
});

/** `modulus`: octets, big-endian. */
export function isRocaModulus(modulus: Uint8Array): boolean {
  const value = BigInt(`0x0${Buffer.from(modulus).toString('hex')}`);
  return POWERS.every(([prime, residues]) => residues.has(value % prime));
}
