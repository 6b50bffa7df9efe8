/** The part of a Kubernetes API server that reviews tokens: over HTTPS, for a reviewer it knows, as the API is documented. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificate } from './openssl.ts';

export interface ApiServer {
  readonly url: string;
  /** PEM of its certificate. */
  readonly ca: string;
  readonly reviewerToken: string;
  /** Users by token, while their pod is there; `audiences`: those that the token is for. */
  readonly tokens: Map<string, { readonly username: string; readonly audiences: readonly string[] }>;
  /** Bodies of reviews that were asked for. */
  readonly reviews: readonly unknown[];
  /** Answers everything from now on; `undefined`: as it should. */
  answerWith(answer: { readonly status: number; readonly body: string; readonly location?: string } | undefined): void;
  /** Says nothing of audiences, as servers did before 1.13. */
  forgetAudiences(): void;
  stop(): Promise<void>;
}

const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';

export async function startApiServer(): Promise<ApiServer> {
  const { certificate, privateKey } = createCertificate({ extension: 'subjectAltName=IP:127.0.0.1' });
  const reviewerToken = 'reviewer.of.tokens';
  const tokens: ApiServer['tokens'] = new Map();
  const reviews: unknown[] = [];
  let planned: { readonly status: number; readonly body: string; readonly location?: string } | undefined;
  let knowsAudiences = true;

  const server = createServer({ cert: certificate, key: privateKey }, async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const answer = (status: number, body: unknown, headers = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(typeof body === 'string' ? body : JSON.stringify(body));
    if (planned !== undefined)
      return answer(planned.status, planned.body, planned.location && { location: planned.location });
    if (request.method !== 'POST' || request.url !== PATH) return answer(404, { kind: 'Status', code: 404 });
    if (request.headers.authorization !== `Bearer ${reviewerToken}`) return answer(403, { kind: 'Status', code: 403 });
    const review = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    reviews.push(review);
    return answer(201, { ...review, status: statusOf(review.spec) });
  });

  function statusOf(spec: { readonly token: string; readonly audiences: readonly string[] }): object {
    const known = tokens.get(spec.token);
    if (known === undefined)
      return { user: {}, error: '[invalid bearer token, service account token has been invalidated]' };
    const audiences = spec.audiences.filter((audience) => known.audiences.includes(audience));
    if (knowsAudiences && audiences.length === 0) return { user: {}, error: 'token audiences do not match' };
    const user = { username: known.username, uid: '1', groups: ['system:serviceaccounts'] };
    return { authenticated: true, user, ...(knowsAudiences && { audiences }) };
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: certificate,
    reviewerToken,
    tokens,
    reviews,
    answerWith: (answer) => {
      planned = answer;
    },
    forgetAudiences: () => {
      knowsAudiences = false;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
