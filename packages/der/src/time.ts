/** UTCTime and GeneralizedTime as RFC 5280 4.1.2.5 allows them: seconds given, `Z`, no fraction. Milliseconds outside. */
import { accept, type Result, refuse } from '@postern/result';
import type { DerElement, DerReason } from './element.ts';
import { TAG } from './tags.ts';

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** Milliseconds since the epoch. */
export function readTime(element: DerElement): Result<number, DerReason> {
  if (element.tag !== TAG.utcTime && element.tag !== TAG.generalizedTime) return refuse('der-unexpected-tag');
  const pattern = element.tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME;
  const fields = pattern.exec(String.fromCharCode(...element.value.subarray(0, 16)));
  if (fields === null || element.value.length > 15) return refuse('der-malformed-value', 'time');
  const [year, month, day, hour, minute, second] = fields.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // RFC 5280 4.1.2.5.1: two digits of 50 and more are 19YY.
  const fullYear = element.tag === TAG.utcTime ? year + (year >= 50 ? 1900 : 2000) : year;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const isReal =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  return isReal ? accept(date.getTime()) : refuse('der-malformed-value', 'no such time');
}

/** Text of a Time: UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5). Fractions of a second are cut off. */
export function formatTime(ms: number): { readonly tag: number; readonly text: string } {
  const iso = new Date(ms).toISOString();
  const digits = iso.slice(0, 19).replace(/[-:T]/g, '');
  const year = Number(iso.slice(0, 4));
  if (year >= 1950 && year < 2050) return { tag: TAG.utcTime, text: `${digits.slice(2)}Z` };
  return { tag: TAG.generalizedTime, text: `${digits}Z` };
}
