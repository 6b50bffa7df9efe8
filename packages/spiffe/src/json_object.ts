/** JSON objects from outside, with every member named once. */
import { accept, type Result, refuse } from '@postern/result';

export type JsonObjectReason = 'json-malformed' | 'json-duplicate-member';

export type JsonObject = { readonly [name: string]: unknown };

/**
 * JSON.parse keeps the last of two members with one name, another reader keeps the first: who signs by one and checks by
 * the other is deceived (RFC 8259 4, RFC 7517 4, RFC 7519 4). `text`: untrusted, of bounded size. Refusals:
 * `json-malformed` also for JSON that is no object; `json-duplicate-member` at any depth.
 */
export function parseJsonObject(text: string): Result<JsonObject, JsonObjectReason> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('json-malformed');
  }
  if (!isJsonObject(value)) return refuse('json-malformed', 'not an object');
  return hasDuplicateMember(text) ? refuse('json-duplicate-member') : accept(value);
}

/** As `parseJsonObject`, from UTF-8. */
export function parseJsonObjectBytes(bytes: Uint8Array): Result<JsonObject, JsonObjectReason> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('json-malformed', 'not UTF-8');
  }
  return parseJsonObject(text);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** In valid JSON a string before a colon is a member's name, and nothing else is. */
const TOKENS = /("[^"\\]*(?:\\.[^"\\]*)*")([ \t\r\n]*:)?|[{}]/g;

/** `json`: valid. */
function hasDuplicateMember(json: string): boolean {
  const open: Set<string>[] = [];
  for (const [token, text, colon] of json.matchAll(TOKENS)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (text !== undefined && colon !== undefined) {
      const names = open[open.length - 1];
      const name = text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
      if (names === undefined || names.has(name)) return true;
      names.add(name);
    }
  }
  return false;
}
