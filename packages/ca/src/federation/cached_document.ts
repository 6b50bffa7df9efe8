/** How a bundle, or what is made of one, is served: for as long as consumers may keep it, and again only when it changed. */
import { createHash } from 'node:crypto';
import type { TrustBundle } from '@postern/spiffe';

/** Consumers ask again this often when the bundle names no hint (Federation 4.1). */
const DEFAULT_REFRESH_HINT_SECONDS = 300;

/** `body`: JSON text. `etag`: of just this text, for `If-None-Match`. */
export function cacheHeaders(body: string, { refreshHintSeconds }: Pick<TrustBundle, 'refreshHintSeconds'>) {
  return {
    'content-type': 'application/json',
    'cache-control': `public, max-age=${refreshHintSeconds ?? DEFAULT_REFRESH_HINT_SECONDS}`,
    etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
  };
}
