/** The one key of a provider that a token's header names. */
import type { KeyObject } from 'node:crypto';
import { fitsAlgorithm, isSignatureAlgorithm, type JwsHeader, publicKeyFromJwk } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { TokenKeySet } from './user_identity.ts';

export type TokenKeyReason = 'token-keys-missing' | 'token-key-unknown';

type Jwk = TokenKeySet['keys'][number];

/**
 * Finds the key by `kid` and `alg`, or by `alg` alone when the header has no `kid` and just one key fits (OIDC Core
 * 10.1). Prevents a signature from being tried with every key there is, and a key from serving another use than its
 * own (RFC 7517 4.2-4.4). `header`: untrusted; only compared, never followed. A key set change reaches us by the feed.
 */
export function findTokenKey(set: TokenKeySet, header: JwsHeader): Result<KeyObject, 'token-key-unknown'> {
  const candidates = set.keys.filter((jwk) => isFor(jwk, header)).map(keyObjectOf);
  const fitting = candidates.filter((key) => key !== undefined && fits(key, header.alg));
  const [key] = fitting;
  return key !== undefined && fitting.length === 1 ? accept(key) : refuse('token-key-unknown');
}

function isFor(jwk: Jwk, header: JwsHeader): boolean {
  if (header.kid !== undefined && jwk['kid'] !== header.kid) return false;
  if (jwk['alg'] !== undefined && jwk['alg'] !== header.alg) return false;
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return false;
  const operations = jwk['key_ops'];
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

function fits(key: KeyObject, algorithm: string): boolean {
  return isSignatureAlgorithm(algorithm) && fitsAlgorithm(key, algorithm);
}

/** Made once per JWK: importing costs as much as a verification. */
const keyObjects = new WeakMap<Jwk, { readonly key: KeyObject | undefined }>();

function keyObjectOf(jwk: Jwk): KeyObject | undefined {
  const known = keyObjects.get(jwk);
  if (known !== undefined) return known.key;
  let key: KeyObject | undefined;
  try {
    key = publicKeyFromJwk(jwk);
  } catch {
    key = undefined; // a key we cannot read is a key we do not have; the others of the set serve
  }
  keyObjects.set(jwk, { key });
  return key;
}
