/** Cedar's `decimal`: a fixed-point number with four fraction digits, held as an exact 64-bit count of ten-thousandths. */
import { accept, type Result, refuse } from '@postern/result';
import { type Long, normalLong } from './long.ts';

export interface Decimal {
  readonly kind: 'decimal';
  readonly tenThousandths: Long;
}

export type DecimalReason = 'decimal-malformed' | 'decimal-out-of-range';

/** Leading zeros are allowed; nineteen further digits are more than 64 bits hold. */
const DECIMAL = /^(-?)0*([0-9]{1,19})\.([0-9]{1,4})$/;

/**
 * Reads untrusted text such as `-12.3450`: digits on both sides of the point, at most four after it, within ±2^63
 * ten-thousandths (Cedar, `decimal` extension).
 */
export function decimalOf(text: string): Result<Decimal, DecimalReason> {
  const match = DECIMAL.exec(text);
  if (match === null) return refuse('decimal-malformed');
  const [, sign = '', whole = '', fraction = ''] = match;
  const magnitude = BigInt(whole + fraction.padEnd(4, '0'));
  const value = normalLong(sign === '-' ? -magnitude : magnitude);
  return value === undefined ? refuse('decimal-out-of-range') : accept({ kind: 'decimal', tenThousandths: value });
}

/** Text that reads back as the same value, always with four fraction digits. */
export function formatDecimal(decimal: Decimal): string {
  const value = BigInt(decimal.tenThousandths);
  const digits = (value < 0n ? -value : value).toString().padStart(5, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}
