/**
 * Exact 64-bit integers through cedar-wasm. Its glue exchanges values with `JSON.parse` and `JSON.stringify`, which round
 * integers beyond 2^53 and refuse bigints, so a policy's `9007199254740993` would be released as another number.
 */
import { formatJson, type JsonValue, parseJson } from './json_text.ts';

/** Enough for every expression that the engine accepts (`MAX_EXPRESSION_DEPTH`), several JSON levels each. */
const MAX_WASM_JSON_DEPTH = 4096;

/**
 * Runs one synchronous call of cedar-wasm with exact JSON in both directions: integers beyond 2^53 go in and come out as
 * bigints. For publishing and tests only; nothing else can run meanwhile because the call is synchronous.
 */
export function withExactJson<T>(call: () => T): T {
  const { parse, stringify } = JSON;
  try {
    JSON.parse = (text: string) => {
      // Long runs of digits are rare; everything else is exact in the built-in reader, which is much faster.
      if (!/[0-9]{16}/.test(text)) return parse(text);
      const value = parseJson(text, { maxDepth: MAX_WASM_JSON_DEPTH });
      if (!value.ok)
        throw new Error('cedar-wasm answered with JSON that cannot be read exactly', { cause: value.reason });
      return value.value;
    };
    JSON.stringify = (value: unknown) => formatJson(value as JsonValue);
    return call();
  } finally {
    JSON.parse = parse;
    JSON.stringify = stringify;
  }
}
