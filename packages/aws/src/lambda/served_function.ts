/** What a function is to the platform that runs it; the platform's own shapes stay in this folder. */

export interface HttpCall {
  readonly method: string;
  /** Path and query as the front door handed them over; an HTTP API has decoded the path, a function URL has not. */
  readonly target: string;
  /** In order, names lower case; a header that the front door joined stays joined; cookies are one `cookie` header. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** Who signed the request, as the front door verified it (`principalOf`); undefined where it did not. */
  readonly principal: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | string;
}

export interface ServedFunction {
  answer(call: HttpCall): Promise<HttpAnswer>;
  /** Scheduled work. */
  tick?(): Promise<void>;
  /** Resolves when nothing is under way any more: a Lambda instance is frozen after its answer. */
  settle(): Promise<void>;
}
