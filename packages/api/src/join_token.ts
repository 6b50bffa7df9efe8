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
      isText(value?.secret) &&
      isText(value.trustDomain) &&
      isOrigin(value.url) &&
      isText(value.rootDigest) &&
      /^[0-9a-f]{64}$/.test(value.rootDigest) &&
      isKeySet(value.releaseKeys) &&
      isKeySet(value.assertionKeys) &&
      (value.ingest === undefined || isIngestDoor(value.ingest));
    return isComplete ? accept(value) : refuse('join-token-malformed');
  } catch {
    return refuse('join-token-malformed');
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** In clear text only on this machine: what goes there are credentials. */
function isReachable(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || LOOPBACK.test(hostname);
}

/** Targets are appended to it, and proofs name it: nothing but scheme, host and port. */
function isOrigin(value: unknown): boolean {
  return isText(value) && isReachable(value) && new URL(value).origin === value;
}

/** An origin, and a path where there is one, without a `/` at its end: more is put after it. */
function isBaseUrl(value: unknown): boolean {
  if (!isText(value) || !isReachable(value)) return false;
  const { origin, pathname } = new URL(value);
  return value === origin + pathname.replace(/\/$/, '');
}

function isIngestDoor(value: { readonly url?: unknown; readonly region?: unknown } | null): boolean {
  return isBaseUrl(value?.url) && isText(value?.region) && /^[a-z0-9-]{1,32}$/.test(value.region);
}

function isKeySet(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((key) => typeof key?.kid === 'string');
}
