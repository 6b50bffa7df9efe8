/**
 * The one rule for paths: a request target is refused when it differs from its own canonical form, and never rewritten.
 * Proxy, Postern and upstream then see the same path whatever each of them normalises (standards: RFC 3986 6.2.2,
 * RFC 9110 4.2.3, RFC 9112 3.2). docs/context.md states it for users.
 */
import { accept, type Result, refuse } from '@postern/result';
import { checkEscape, decodeSegment, type EscapeReason } from './escapes.ts';

export type TargetReason =
  | EscapeReason
  | 'target-empty'
  | 'target-too-long'
  | 'target-absolute-form'
  | 'target-asterisk-form'
  | 'target-authority-form'
  | 'target-fragment'
  | 'path-control'
  | 'path-not-ascii'
  | 'path-backslash'
  | 'path-character'
  | 'path-empty-segment'
  | 'path-dot-segment'
  | 'path-parameter'
  | 'query-control';

/** Most servers stop at 8 KiB for the whole request line. */
export const MAX_TARGET_CHARS = 8 * 1024;

export interface Target {
  /** Canonical, exactly as received, without the query. */
  readonly path: string;
  /** Percent-decoded; the last one is empty when the path ends with a slash, which makes it another path. */
  readonly segments: readonly string[];
  /** Exactly as received, without `?`; never parsed, because no two servers agree on how. Absent without `?`. */
  readonly query?: string;
}

/** RFC 3986 3.3 `pchar` without `%`, and the slash. */
const PATH_CHARACTER = /^[A-Za-z0-9._~!$&'()*+,;=:@/-]$/;
const CONTROL_OR_SPACE = /[\x00-\x20\x7f]/;

/**
 * Splits an untrusted raw request target. It must be what the proxy received, never a string that went through `URL`
 * or a framework, which resolve `/a/../admin` silently. `pathParameters: 'reject'` refuses `;` and `%3B` in segments:
 * some upstreams cut a segment there and others do not (X34). Lower-case digits in escapes are refused too: a policy on
 * the path would otherwise have to name both spellings. Cost: linear in the length.
 */
export function parseTarget(
  raw: string,
  options: { readonly pathParameters: 'reject' | 'keep' },
): Result<Target, TargetReason> {
  if (raw.length > MAX_TARGET_CHARS) return refuse('target-too-long');
  if (!raw.startsWith('/')) return refuse(reasonOfOtherForm(raw));
  if (raw.includes('#')) return refuse('target-fragment');
  const mark = raw.indexOf('?');
  const path = mark < 0 ? raw : raw.slice(0, mark);
  const query = mark < 0 ? undefined : raw.slice(mark + 1);
  if (query !== undefined && CONTROL_OR_SPACE.test(query)) return refuse('query-control');
  const reason = checkCharacters(path);
  if (reason !== undefined) return refuse(reason);
  const segments = parseSegments(path, options.pathParameters);
  if (!segments.ok) return segments;
  return accept(query === undefined ? { path, segments: segments.value } : { path, segments: segments.value, query });
}

/**
 * The path as policies see it in `context.request.path`: percent-decoded, so that `/a%40b` and `/a@b`, which upstreams
 * take for the same, are one text. `path`: canonical, from `parseTarget`.
 */
export function decodePath(path: string): string {
  return decodeSegment(path) ?? path;
}

function reasonOfOtherForm(raw: string): TargetReason {
  if (raw === '') return 'target-empty';
  if (raw === '*') return 'target-asterisk-form';
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(raw)) return 'target-absolute-form';
  if (CONTROL_OR_SPACE.test(raw.charAt(0))) return 'path-control';
  return 'target-authority-form';
}

function checkCharacters(path: string): TargetReason | undefined {
  for (let i = 0; i < path.length; i++) {
    const character = path.charAt(i);
    if (PATH_CHARACTER.test(character)) continue;
    if (character === '%') {
      const reason = checkEscape(path, i);
      if (reason !== undefined) return reason;
      i += 2;
    } else if (character === '\\') return 'path-backslash';
    else if (CONTROL_OR_SPACE.test(character)) return 'path-control';
    else return character > '\x7f' ? 'path-not-ascii' : 'path-character';
  }
  return undefined;
}

function parseSegments(path: string, pathParameters: 'reject' | 'keep'): Result<readonly string[], TargetReason> {
  const raw = path.slice(1).split('/');
  const segments: string[] = [];
  for (let index = 0; index < raw.length; index++) {
    const segment = decodeSegment(raw[index]!);
    if (segment === undefined) return refuse('path-escape-not-utf8');
    if (segment === '' && index < raw.length - 1) return refuse('path-empty-segment');
    const semicolon = segment.indexOf(';');
    // `/..;x/` is `/../` to whoever strips parameters first (X32, X33).
    const name = semicolon < 0 ? segment : segment.slice(0, semicolon);
    if (name === '.' || name === '..') return refuse('path-dot-segment');
    if (semicolon >= 0 && pathParameters === 'reject') return refuse('path-parameter');
    // With its parameters stripped, such a segment is empty.
    if (semicolon === 0) return refuse('path-empty-segment');
    segments.push(segment);
  }
  return accept(segments);
}
