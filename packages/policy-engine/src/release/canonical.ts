/**
 * The one spelling of a release: JSON with members sorted by UTF-16 code units and no white space, as RFC 8785 has it,
 * except that integers beyond 2^53 (Cedar's Long has 64 bits) are written with all their digits instead of rounded.
 * All numbers of a release are integers.
 */

import { accept, type Result, refuse } from '@postern/result';
import { type JsonValue, parseJson } from '../cedar/index.ts';

/**
 * A policy of as many operators as are published (`MAX_OPERATORS`) needs two levels of JSON for each. Twice as many end the
 * stack of a process that has just begun.
 */
export const MAX_CANONICAL_DEPTH = 2100;

/** Throws a TypeError for what has no such spelling: fractions, lone surrogates, functions, excessive nesting. */
export function formatCanonical(value: unknown): string {
  const parts: string[] = [];
  write(value, 0, parts);
  return parts.join('');
}

function write(value: unknown, depth: number, parts: string[]): void {
  if (depth > MAX_CANONICAL_DEPTH) throw new TypeError('nested too deeply');
  if (value === null || typeof value === 'boolean') parts.push(String(value));
  else if (typeof value === 'string') parts.push(formatString(value));
  else if (typeof value === 'number' || typeof value === 'bigint') parts.push(formatInteger(value));
  else if (Array.isArray(value)) writeList(value, depth, parts);
  else if (typeof value === 'object') writeMembers(value as { readonly [name: string]: unknown }, depth, parts);
  else throw new TypeError(`a ${typeof value} has no canonical form`);
}

function writeList(items: readonly unknown[], depth: number, parts: string[]): void {
  parts.push('[');
  for (const [index, item] of items.entries()) {
    if (index > 0) parts.push(',');
    write(item, depth + 1, parts);
  }
  parts.push(']');
}

/** Members that are `undefined` are left out. */
function writeMembers(members: { readonly [name: string]: unknown }, depth: number, parts: string[]): void {
  let separator = '{';
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member === undefined) continue;
    parts.push(separator, formatString(name), ':');
    write(member, depth + 1, parts);
    separator = ',';
  }
  parts.push(separator === '{' ? '{}' : '}');
}

function formatString(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form');
  return JSON.stringify(text);
}

function formatInteger(value: number | bigint): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new TypeError('not an exact integer');
  return `${value}`;
}

/** A number of so many digits may be too large for a JavaScript number. Also finds some strings, which does no harm. */
const LONG_INTEGER = /[:[,\s]-?[0-9]{16}/;

/**
 * Reads canonical text. The built-in reader serves unless the text has integers it would round: it is much faster, and
 * a release is read at every start.
 */
export function parseCanonical(text: string): Result<JsonValue, 'json-malformed'> {
  if (LONG_INTEGER.test(text)) {
    const value = parseJson(text, { maxDepth: MAX_CANONICAL_DEPTH, maxChars: Number.MAX_SAFE_INTEGER });
    return value.ok ? value : refuse('json-malformed', value.reason);
  }
  try {
    return accept(JSON.parse(text) as JsonValue);
  } catch {
    return refuse('json-malformed');
  }
}
