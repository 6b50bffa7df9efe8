/** A function as whoever runs it sees it, wherever that is. */
import type { Hono } from 'hono';

/** A call as the platform's front door handed it over. */
export interface HttpCall {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** In order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** IAM principal, as the platform authenticated it: `arn:aws:iam::ACCOUNT:role/NAME`, or a user's ARN. */
  readonly principal: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | string;
}

export interface OpenFunction {
  /** Scheduled work. */
  tick?(): Promise<void>;
  /** Fetches ahead what the first record would wait for. Does not reject. */
  warmUp(): Promise<void>;
  /** Resolves when nothing is under way any more, such as a record of a refusal: an instance may be frozen after its answer. */
  settle(): Promise<void>;
  /** Says that no record comes after. */
  close(): Promise<void>;
}

/** Everything but `authorize`, which takes no request that a framework has read. */
export interface OpenApp extends OpenFunction {
  readonly app: Hono;
}

/** What the handlers hand to the platform. */
export interface ServedFunction extends OpenFunction {
  answer(call: HttpCall): Promise<HttpAnswer>;
}

/** `app` behind a platform that hands over calls instead of connections. */
export function serveApp(opened: OpenApp): ServedFunction {
  const { app, ...open } = opened;
  return {
    ...open,
    async answer({ method, target, headers, body, principal }) {
      const hasBody = method !== 'GET' && method !== 'HEAD';
      const request = new Request(`https://function.invalid${target}`, {
        method,
        headers: headers.map(([name, value]): [string, string] => [name, value]),
        ...(hasBody && { body: Uint8Array.from(body) }),
      });
      const response = await app.fetch(request, { principal });
      return {
        status: response.status,
        headers: [...response.headers],
        body: new Uint8Array(await response.arrayBuffer()),
      };
    },
  };
}
