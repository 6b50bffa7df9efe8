/** Device posture pushed by a management system: the signature of a delivery. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Result, refuse } from '@postern/result';
import { type PostureReport, type PostureReportReason, parsePostureReport } from './posture_report.ts';

export const POSTURE_SIGNATURE_HEADER = 'postern-signature';
export const MAX_POSTURE_WEBHOOK_BYTES = 64 * 1024;
/** How long a signed delivery counts: a captured one is worth nothing after it. */
export const POSTURE_WEBHOOK_AGE_MS = 5 * 60_000;

export type PostureWebhookReason =
  | 'webhook-too-large'
  | 'webhook-unsigned'
  | 'webhook-signature-malformed'
  | 'webhook-stale'
  | 'webhook-signature'
  | PostureReportReason;

/**
 * Verifies and reads one delivery. Prevents anybody who can reach the endpoint from calling a lost device healthy.
 * `signature`: value of `postern-signature`, `t=<unix seconds>,v1=<hex HMAC-SHA-256 of "t.body">`, one `v1` per secret
 * while secrets roll over. `body`: exactly the bytes received, untrusted, at most 64 KiB. `secrets`: at least 32 bytes
 * each. A delivery repeated within its five minutes changes nothing, see `supersedesPosture`.
 */
export function verifyPostureWebhook(input: {
  readonly signature: string | undefined;
  readonly body: Uint8Array;
  readonly secrets: readonly Uint8Array[];
  readonly nowMs: number;
}): Result<PostureReport, PostureWebhookReason> {
  if (input.body.length > MAX_POSTURE_WEBHOOK_BYTES) return refuse('webhook-too-large');
  if (input.signature === undefined || input.signature === '') return refuse('webhook-unsigned');
  const signature = parseWebhookSignature(input.signature);
  if (signature === undefined) return refuse('webhook-signature-malformed');
  if (Math.abs(input.nowMs - signature.atSeconds * 1000) > POSTURE_WEBHOOK_AGE_MS) return refuse('webhook-stale');
  const isSigned = input.secrets.some((secret) => {
    const expected = webhookMac(secret, signature.atSeconds, input.body);
    return signature.macs.some((mac) => timingSafeEqual(expected, mac));
  });
  if (!isSigned) return refuse('webhook-signature');
  return parsePostureReport(input.body, input.nowMs);
}

/** The header a source sends with `body`; for our own tools, tests and the demo. */
export function formatWebhookSignature(secret: Uint8Array, atMs: number, body: Uint8Array): string {
  const atSeconds = Math.floor(atMs / 1000);
  return `t=${atSeconds},v1=${webhookMac(secret, atSeconds, body).toString('hex')}`;
}

function webhookMac(secret: Uint8Array, atSeconds: number, body: Uint8Array): Buffer {
  if (secret.length < 32) throw new RangeError('a webhook secret has at least 32 bytes');
  return createHmac('sha256', secret).update(`${atSeconds}.`).update(body).digest();
}

interface WebhookSignature {
  readonly atSeconds: number;
  readonly macs: readonly Uint8Array[];
}

function parseWebhookSignature(text: string): WebhookSignature | undefined {
  const match = /^t=([1-9][0-9]{0,11})((?:,v1=[0-9a-f]{64}){1,4})$/.exec(text);
  if (match === null) return undefined;
  const macs = (match[2] as string)
    .split(',v1=')
    .slice(1)
    .map((hex) => Buffer.from(hex, 'hex'));
  return { atSeconds: Number(match[1]), macs };
}
