/** Why one policy's condition has no value. Cedar then skips that policy and reports the error beside the decision. */
import { type EntityUid, typeName, type Value } from './value.ts';

export type EvaluationReason =
  | 'entity-does-not-exist'
  | 'attribute-does-not-exist'
  | 'tag-does-not-exist'
  | 'type-error'
  | 'integer-overflow'
  | 'extension-call-failed'
  | 'wrong-number-of-arguments';

/**
 * Thrown by compiled conditions and caught for each policy. No subclass of `Error`: taking a stack trace costs more than
 * the decision, and a caller may cause such errors at will. Messages name types, attributes and entities, never values,
 * because context values may be secret.
 */
export class EvaluationError {
  readonly reason: EvaluationReason;
  readonly message: string;

  constructor(reason: EvaluationReason, message: string) {
    this.reason = reason;
    this.message = message;
  }
}

const MAX_NAME_IN_MESSAGE = 128;

/** User input in messages is quoted and bounded. */
export function quoted(text: string): string {
  return `\`${text.length <= MAX_NAME_IN_MESSAGE ? text : `${text.slice(0, MAX_NAME_IN_MESSAGE)}…`}\``;
}

export function typeError(expected: string, value: Value): EvaluationError {
  return new EvaluationError('type-error', `type error: expected ${expected}, got ${typeName(value)}`);
}

export function missingEntity(uid: EntityUid): EvaluationError {
  return new EvaluationError('entity-does-not-exist', `entity ${quoted(formatUid(uid))} does not exist`);
}

export function missingAttribute(name: string, owner: string): EvaluationError {
  return new EvaluationError('attribute-does-not-exist', `${owner} does not have the attribute ${quoted(name)}`);
}

export function missingTag(name: string, uid: EntityUid): EvaluationError {
  return new EvaluationError('tag-does-not-exist', `${quoted(formatUid(uid))} does not have the tag ${quoted(name)}`);
}

export function overflow(operation: string): EvaluationError {
  return new EvaluationError('integer-overflow', `integer overflow in ${operation}`);
}

/** `Type::"id"` with the id escaped as in Cedar text. */
export function formatUid(uid: EntityUid): string {
  return `${uid.type}::${formatText(uid.id)}`;
}

const ESCAPED = /["\\\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A Cedar string literal; control characters are escaped so that no name can break a log line. */
export function formatText(text: string): string {
  if (!ESCAPED.test(text)) return `"${text}"`;
  const escaped = text.replace(new RegExp(ESCAPED, 'g'), (character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    return SHORT_ESCAPES[character] ?? `\\u{${character.charCodeAt(0).toString(16)}}`;
  });
  return `"${escaped}"`;
}

const SHORT_ESCAPES: { readonly [character: string]: string } = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };
