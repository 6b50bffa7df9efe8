/**
 * `like` patterns: literal text and wildcards, anchored at both ends. Each literal part is searched once, left to right,
 * so no pattern can make matching exponential. UTF-16 units are compared: in well-formed text that agrees with comparing
 * Unicode scalar values, because no literal can begin inside a surrogate pair.
 */
import { isWellFormedText } from './json_text.ts';

export interface Pattern {
  /** The literal texts between wildcards: `a*b` is `['a', 'b']`, `*` is `['', '']`, and a single part has no wildcard. */
  readonly parts: readonly string[];
}

/** Cedar's JSON form: `["Wildcard", {"Literal": "a"}, …]`; `undefined` when malformed. */
export function patternFromJson(json: unknown): Pattern | undefined {
  if (!Array.isArray(json)) return undefined;
  const parts = [''];
  for (const element of json as readonly unknown[]) {
    if (element === 'Wildcard') {
      parts.push('');
      continue;
    }
    const literal = typeof element === 'object' && element !== null ? (element as { Literal?: unknown }).Literal : null;
    if (typeof literal !== 'string') return undefined;
    parts[parts.length - 1] += literal;
  }
  if (!parts.every(isWellFormedText)) return undefined;
  // `a**b` matches what `a*b` matches.
  return { parts: parts.filter((part, index) => part !== '' || index === 0 || index === parts.length - 1) };
}

/** A matcher for one pattern. */
export function compilePattern(pattern: Pattern): (text: string) => boolean {
  const { parts } = pattern;
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return (text) => text === first;
  const middle = parts.slice(1, -1);
  if (middle.length === 0) {
    if (last === '') return (text) => text.startsWith(first);
    if (first === '') return (text) => text.endsWith(last);
  }
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let position = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, position);
      if (found < 0) return false;
      position = found + part.length;
    }
    return position <= end;
  };
}
