/** `rotate` as the other functions reach it: over HTTP, known by the role they run as. */
import { type AuthorityOutcome, PATHS } from '@postern/api';
import type { CertifiedFeedKey } from '@postern/feed';
import { SignerUnavailable } from '@postern/keys';
import type { Certifier } from './certifier.ts';

/** Signs as this function's role; a redirect is an answer like any other. Throws where there is no whole answer. */
export type SendToFunction = (
  url: URL,
  request: {
    readonly method: 'POST';
    readonly headers: { readonly [name: string]: string };
    readonly body: string;
    readonly signal: AbortSignal;
  },
  maxAnswerBytes: number,
) => Promise<{ readonly status: number; readonly bytes: Uint8Array }>;

const TIMEOUT_MS = 8_000;
/** The authority's state with a hundred of those it waits for. */
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * `url`: of `rotate`'s door, without a last slash. Whatever it does not answer is a key that
 * cannot be had now; a refusal is the same, since the caller cannot do anything about it.
 */
export function createRemoteCertifier(ports: { readonly url: string; readonly send: SendToFunction }): Certifier {
  async function ask<T>(path: string, body: object): Promise<T> {
    try {
      const request = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      } as const;
      const { status, bytes } = await ports.send(new URL(ports.url + path), request, MAX_ANSWER_BYTES);
      if (status !== 201) throw new Error(`\`rotate\` answers ${status}`);
      return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
    } catch (cause) {
      throw new SignerUnavailable('`rotate` certifies nothing now', { cause });
    }
  }

  return {
    async certifyIssuer(spki) {
      const answer = await ask<{ certificate: string }>(PATHS.keys.issuer, {
        spki: Buffer.from(spki).toString('base64'),
      });
      return Uint8Array.from(Buffer.from(answer.certificate, 'base64'));
    },
    certifyFeedKey: (key) => ask<CertifiedFeedKey>(PATHS.keys.feed, { key }),
    async certifyProducer(opening) {
      return (await ask<{ certificate: string }>(PATHS.keys.producer, opening)).certificate;
    },
    applyRevocations: async () => (await ask<{ isDone: boolean }>(PATHS.keys.revocations, {})).isDone,
    openRevocationList: async ({ issuerKeyId, number }) =>
      void (await ask(PATHS.keys.revocationList, { issuerKeyId, number })),
    operateAuthority: (command, by) => ask<AuthorityOutcome>(PATHS.keys.authority, { ...command, by }),
  };
}
