/** Items in DynamoDB's JSON: everything as the SDK has it, but bytes, which travel as base64. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { blobOf, type JsonObject } from './json_protocol.ts';
import { AnswerLost } from './service_fault.ts';

export type Item = Record<string, AttributeValue>;

/** `undefined`: not there. Throws `AnswerLost` for what is no item. */
export function itemOf(value: unknown): Item | undefined {
  return value === undefined || value === null ? undefined : membersOf(value);
}

export function itemsOf(value: unknown): Item[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new AnswerLost('the answer holds no items');
  return value.map(membersOf);
}

function membersOf(value: unknown): Item {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([name, member]) => [name, attributeOf(member)]));
}

function attributeOf(value: unknown): AttributeValue {
  const attribute = objectOf(value);
  if (attribute['B'] !== undefined) return { B: blobOf(attribute['B']) as Uint8Array };
  if (attribute['M'] !== undefined) return { M: membersOf(attribute['M']) };
  const { L: list } = attribute;
  if (list === undefined) return attribute as unknown as AttributeValue;
  if (!Array.isArray(list)) throw new AnswerLost('the answer holds no list');
  return { L: list.map(attributeOf) };
}

function objectOf(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AnswerLost('the answer holds no item');
  return value as JsonObject;
}
