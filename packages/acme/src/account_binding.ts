/**
 * How an account key came to speak for a registration entry: the binding that the holder of an administrator's key made
 * (RFC 8555 7.3.4), and each change of the account's key since (7.3.5). Whoever issues verifies all of it by itself, so that
 * the function which strangers talk to can neither make an account nor lend one to another key.
 */
import { createHmac } from 'node:crypto';
import { constantTimeEqual, parseJws, thumbprint } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import {
  compactOf,
  isSameKey,
  type Jwk,
  MAX_SIGNED_BYTES,
  payloadObject,
  publicMembers,
  readSigned,
  verifySigned,
} from './signed_request.ts';
import type { AcmeUrls } from './urls.ts';

export interface AccountBinding {
  /** Compact JWS, HS256, over the account's first key. */
  readonly eab: string;
  /** Compact JWS of each request that changed the key, oldest first. */
  readonly keyChanges: readonly string[];
}

export type BindingReason =
  | 'eab-malformed'
  | 'eab-url'
  | 'eab-key-unknown'
  | 'eab-signature'
  | 'eab-account-key'
  | 'key-change-malformed'
  | 'key-change-signature'
  | 'key-change-account'
  | 'key-changes-too-many';

export interface VerifiedBinding {
  /** Of the administrator's key. */
  readonly keyId: string;
  /** Of the first account key: what the administrator's key was used for. */
  readonly firstThumbprint: string;
  /** Of the account, as it signs now. */
  readonly jwk: Jwk;
  readonly thumbprint: string;
  /** What the key changes call the account; of none there is none yet. */
  readonly accountUrl?: string;
}

/** Each change is kept and verified with every order; who needs more makes another account. */
export const MAX_KEY_CHANGES = 8;
/** UUIDv7 of ours. */
const KEY_ID = /^[0-9a-f-]{36}$/;

/** Of a binding that is not verified: `undefined` when it names no key of ours. */
export function keyIdOf(eab: string): string | undefined {
  const parsed = parseJws(eab, { maxBytes: MAX_SIGNED_BYTES });
  const kid = parsed.ok ? parsed.value.header.kid : undefined;
  return kid !== undefined && KEY_ID.test(kid) ? kid : undefined;
}

/** `secret`: of the administrator's key that the binding names. `binding`: untrusted. */
export function verifyBinding(
  binding: AccountBinding,
  { secret, urls }: { readonly secret: Uint8Array; readonly urls: AcmeUrls },
): Result<VerifiedBinding, BindingReason> {
  const bound = verifyExternalBinding(binding.eab, secret, urls);
  if (!bound.ok) return bound;
  if (binding.keyChanges.length > MAX_KEY_CHANGES) return refuse('key-changes-too-many');
  let jwk = bound.value.jwk;
  let accountUrl: string | undefined;
  for (const change of binding.keyChanges) {
    const changed = verifyKeyChange(change, jwk, urls);
    if (!changed.ok) return changed;
    if (accountUrl !== undefined && changed.value.accountUrl !== accountUrl) return refuse('key-change-account');
    ({ jwk, accountUrl } = changed.value);
  }
  const { keyId } = bound.value;
  const shown = { keyId, firstThumbprint: thumbprint(bound.value.jwk), jwk, thumbprint: thumbprint(jwk) };
  return accept(accountUrl === undefined ? shown : { ...shown, accountUrl });
}

/** RFC 8555 7.3.4: HS256, the key's id, the URL of newAccount and no nonce; what is signed is the account's key. */
function verifyExternalBinding(
  eab: string,
  secret: Uint8Array,
  urls: AcmeUrls,
): Result<{ readonly keyId: string; readonly jwk: Jwk }, BindingReason> {
  const parsed = parseJws(eab, { maxBytes: MAX_SIGNED_BYTES });
  if (!parsed.ok) return refuse('eab-malformed', parsed.reason);
  const { header, payload, signingInput, signature } = parsed.value;
  const keyId = keyIdOf(eab);
  if (header.alg !== 'HS256' || 'nonce' in header || 'b64' in header) return refuse('eab-malformed', 'header');
  if (keyId === undefined) return refuse('eab-key-unknown');
  if (header['url'] !== urls.newAccount) return refuse('eab-url');
  const expected = createHmac('sha256', secret).update(signingInput).digest();
  if (!constantTimeEqual(expected, signature)) return refuse('eab-signature');
  const jwk = payloadObject(payload);
  try {
    const members = publicMembers((jwk ?? {}) as Jwk);
    thumbprint(members);
    return accept({ keyId, jwk: members });
  } catch {
    return refuse('eab-account-key');
  }
}

/**
 * RFC 8555 7.3.5: the outer JWS by the old key, its payload another by the new one, which names account and old key.
 * `compact`: the outer, untrusted; its nonce is the caller's to check.
 */
export function verifyKeyChange(
  compact: string,
  oldKey: Jwk,
  urls: AcmeUrls,
): Result<{ readonly jwk: Jwk; readonly accountUrl: string }, BindingReason> {
  const outer = readSigned(compact);
  if (!outer.ok || outer.value.kid === undefined || outer.value.url !== urls.keyChange)
    return refuse('key-change-malformed', 'outer');
  if (!verifySigned(outer.value, oldKey).ok) return refuse('key-change-signature', 'outer');
  const innerText = compactOf(payloadObject(outer.value.payload));
  const inner = innerText.ok ? readSigned(innerText.value) : innerText;
  if (!inner.ok) return refuse('key-change-malformed', inner.reason);
  const { jwk, url, nonce } = inner.value;
  if (jwk === undefined || url !== outer.value.url || nonce !== undefined)
    return refuse('key-change-malformed', 'inner');
  if (!verifySigned(inner.value, jwk).ok) return refuse('key-change-signature', 'inner');
  const change = payloadObject(inner.value.payload);
  const { account, oldKey: named } = change ?? {};
  if (account !== outer.value.kid) return refuse('key-change-account');
  if (typeof named !== 'object' || named === null || !isKeyOf(named as Jwk, oldKey))
    return refuse('key-change-account');
  return accept({ jwk: publicMembers(jwk), accountUrl: outer.value.kid });
}

function isKeyOf(named: Jwk, key: Jwk): boolean {
  try {
    return isSameKey(named, key);
  } catch {
    return false;
  }
}
