/**
 * A join token as it is carried to a node: the one-time secret, and what the agent is to pin, so that an agent that
 * has the token cannot be led to a foreign control plane. Text: `postern-join.` and base64url of JSON.
 */
import { accept, type Result, refuse } from '@postern/result';
import type { ControlPlaneTrust } from './bodies.ts';

const PREFIX = 'postern-join.';
export const MAX_JOIN_TOKEN_BYTES = 8192;

export interface JoinToken extends ControlPlaneTrust {
  /** One-time secret, sent to the control plane. */
  readonly secret: string;
}

export function formatJoinToken(token: JoinToken): string {
  return PREFIX + Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** `text`: from an operator's hands. Never echoed in an error: it is a secret. */
export function parseJoinToken(text: string): Result<JoinToken, 'join-token-malformed'> {
  if (!text.startsWith(PREFIX) || text.length > MAX_JOIN_TOKEN_BYTES) return refuse('join-token-malformed');
  try {
    const value = JSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8')) as JoinToken;
    const isComplete =
      typeof value?.secret === 'string' &&
      typeof value.trustDomain === 'string' &&
      /^https?:\/\/[^\s]+$/.test(value.url) &&
      /^[0-9a-f]{64}$/.test(value.rootDigest) &&
      isKeySet(value.releaseKeys) &&
      isKeySet(value.assertionKeys);
    return isComplete ? accept(value) : refuse('join-token-malformed');
  } catch {
    return refuse('join-token-malformed');
  }
}

function isKeySet(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((key) => typeof key?.kid === 'string');
}
