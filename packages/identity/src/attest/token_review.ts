/**
 * Kubernetes TokenReviews (authentication.k8s.io/v1): the API server itself says whether a token is good now, so that a
 * deleted pod's token, whose signature and times are still right, is good no more.
 */
import { request } from 'node:https';
import { accept, type Result, refuse } from '@postern/result';
import { isJsonObject, parseJsonObjectBytes } from '@postern/spiffe';
import { memberOf } from './facts.ts';

export interface ReviewServer {
  /** Of the API server; https. */
  readonly url: string;
  /** PEM; the machine's own authorities when absent. */
  readonly ca?: string | undefined;
  /** Name of the secret with the token of an account that may create TokenReviews. */
  readonly tokenSecret: string;
}

export type TokenReviewReason = 'token-not-authenticated' | 'token-audience' | 'attestor-unavailable';

export interface TokenReviews {
  /**
   * The user that the API server says the token is of, such as `system:serviceaccount:shop:checkout`. `audience`: the token
   * must be for it, by the server's word too. `attestor-unavailable`: the server does not answer, or not as one; its own
   * refusal of our reviewer is that as well. Cost: one call, 5 s at most.
   */
  review(server: ReviewServer, token: string, audience: string): Promise<Result<string, TokenReviewReason>>;
}

const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';
const API = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' } as const;
const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** `secret`: by name; from a file of the machine's or a secret store, never from the table. Throws when it cannot be read. */
export function createTokenReviews(ports: { readonly secret: (name: string) => Promise<string> }): TokenReviews {
  return {
    async review(server, token, audience) {
      const reviewer = (await ports.secret(server.tokenSecret)).trim();
      if (!/^[\x21-\x7e]{1,8192}$/.test(reviewer)) return refuse('attestor-unavailable', 'the reviewer has no token');
      const body = JSON.stringify({ ...API, spec: { token, audiences: [audience] } });
      const answer = await post(server, reviewer, body).catch((fault: Error) => fault);
      if (answer instanceof Error) return refuse('attestor-unavailable', 'the API server does not answer');
      if (answer.status !== 201 && answer.status !== 200)
        return refuse('attestor-unavailable', `the API server answers ${answer.status}`);
      const parsed = parseJsonObjectBytes(answer.body);
      const status = parsed.ok && parsed.value['kind'] === API.kind ? parsed.value['status'] : undefined;
      if (!isJsonObject(status)) return refuse('attestor-unavailable', 'the API server answers no TokenReview');
      if (status['authenticated'] !== true) return refuse('token-not-authenticated');
      // A server that knows nothing of audiences says none, and would have taken a token for anybody.
      const audiences = status['audiences'];
      if (!Array.isArray(audiences) || !audiences.includes(audience)) return refuse('token-audience');
      const username = memberOf(status['user'], 'username');
      return typeof username === 'string' ? accept(username) : refuse('token-not-authenticated');
    },
  };
}

/** Redirects are answers like any other: the reviewer's token goes to the server that settings name, and nowhere else. */
function post(
  { url, ca }: ReviewServer,
  reviewer: string,
  body: string,
): Promise<{ readonly status: number; readonly body: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(url.replace(/\/$/, '') + PATH),
      {
        method: 'POST',
        ...(ca !== undefined && { ca }),
        minVersion: 'TLSv1.2',
        agent: false,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: `Bearer ${reviewer}`,
          'content-length': Buffer.byteLength(body),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
      (response) => {
        const chunks: Uint8Array[] = [];
        let size = 0;
        response.on('data', (chunk: Uint8Array) => {
          size += chunk.byteLength;
          if (size > MAX_ANSWER_BYTES) call.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
