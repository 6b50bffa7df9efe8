/** `issue` as the function `acme` reaches it: over HTTP, known by the role that it runs as. */
import type { AcmeAuthority } from '@postern/acme';
import { PATHS } from '@postern/api';
import { SignerUnavailable } from '@postern/keys';
import type { Result } from '@postern/result';
import type { SendToFunction } from '../rotate/remote_certifier.ts';

/** Signing, and two records; `rotate` may have to certify an issuer first. */
const TIMEOUT_MS = 12_000;
/** A chain of certificates. */
const MAX_ANSWER_BYTES = 128 * 1024;

/** `url`: of the door of `issue`, without a last slash. What it does not answer cannot be had now. */
export function createRemoteAcmeAuthority(ports: {
  readonly url: string;
  readonly send: SendToFunction;
}): AcmeAuthority {
  async function ask<R extends Result<unknown>>(question: object): Promise<R> {
    try {
      const request = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(question),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      } as const;
      const { status, bytes } = await ports.send(new URL(ports.url + PATHS.acmeAuthority), request, MAX_ANSWER_BYTES);
      if (status !== 200) throw new Error(`\`issue\` answers ${status}`);
      return JSON.parse(Buffer.from(bytes).toString('utf8')) as R;
    } catch (cause) {
      throw new SignerUnavailable('`issue` answers nothing now', { cause });
    }
  }

  return {
    grant: (binding, isNew) => ask({ ask: 'grant', binding, isNew }),
    issue: (binding, finalize) => ask({ ask: 'issue', binding, finalize }),
    revoke: (revocation, binding) => ask({ ask: 'revoke', revocation, ...(binding !== undefined && { binding }) }),
    renewal: (serial) => ask({ ask: 'renewal', serial }),
  };
}
