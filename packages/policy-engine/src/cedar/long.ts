/**
 * Cedar's Long: a signed 64-bit integer. A safe integer is held as a JavaScript number, anything larger as a bigint, and
 * never both ways for one value, so `===` and `Map` keys compare Longs correctly. Overflow is `undefined`, never a wrap
 * and never a float: a rounded counter or expiry would decide differently from what the policy's author wrote.
 */
export type Long = number | bigint;

const MIN_LONG = -(2n ** 63n);
const MAX_LONG = 2n ** 63n - 1n;

/** The one representation of an integer, or `undefined` when it does not fit 64 bits. */
export function normalLong(value: bigint): Long | undefined {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  return value >= MIN_LONG && value <= MAX_LONG ? value : undefined;
}

/**
 * A Long from a trusted caller's number or bigint. A fraction, a number beyond 2^53 (already rounded) or more than 64
 * bits is a bug of the caller and thrown.
 */
export function longOf(value: number | bigint): Long {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value + 0;
    throw new TypeError('a Cedar Long is made of a safe integer or a bigint');
  }
  const long = normalLong(value);
  if (long === undefined) throw new RangeError('a Cedar Long has 64 bits');
  return long;
}

export function addLong(left: Long, right: Long): Long | undefined {
  if (typeof left === 'number' && typeof right === 'number') {
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return normalLong(BigInt(left) + BigInt(right));
}

export function subtractLong(left: Long, right: Long): Long | undefined {
  if (typeof left === 'number' && typeof right === 'number') {
    const difference = left - right;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return normalLong(BigInt(left) - BigInt(right));
}

export function multiplyLong(left: Long, right: Long): Long | undefined {
  if (typeof left === 'number' && typeof right === 'number') {
    const product = left * right;
    // `+ 0` turns -0 into 0: there is one zero.
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return normalLong(BigInt(left) * BigInt(right));
}

export function negateLong(value: Long): Long | undefined {
  return subtractLong(0, value);
}

/** Division that truncates toward zero, for the conversions of durations; `divisor` is a positive safe integer. */
export function divideLong(value: Long, divisor: number): Long {
  if (typeof value === 'number') return Math.trunc(value / divisor) + 0;
  return normalLong(value / BigInt(divisor)) as Long;
}

/** Remainder in `0 … divisor - 1`, also of negative values; `divisor` is a positive safe integer. */
export function moduloLong(value: Long, divisor: number): number {
  if (typeof value === 'number') return ((value % divisor) + divisor) % divisor;
  const remainder = Number(value % BigInt(divisor));
  return remainder < 0 ? remainder + divisor : remainder;
}
