/** The few administrative calls that seed the demo, as any script of an operator would make them. */
import { readFileSync } from 'node:fs';

export interface AdminClient {
  get<T>(path: string): Promise<T>;
  /** `mayConflict`: 409 answers undefined, for what an earlier start has made already. */
  post<T>(path: string, body: unknown, mayConflict?: boolean): Promise<T | undefined>;
  delete(path: string): Promise<void>;
}

/** One call with the administrator's credential, whatever that is, to the door that answers `path`. */
export type SendAdminCall = (call: {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}) => Promise<Response>;

export function createAdminClient(send: SendAdminCall): AdminClient {
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await send({ method, path, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    if (!response.ok && response.status !== 409)
      throw new Error(`${method} ${path} answers ${response.status}: ${await response.text()}`);
    return response;
  }

  return {
    get: async <T>(path: string) => (await call('GET', path)).json() as Promise<T>,
    async post<T>(path: string, body: unknown, mayConflict = false) {
      const response = await call('POST', path, body);
      if (response.status !== 409) return (await response.json()) as T;
      if (mayConflict) return undefined;
      throw new Error(`POST ${path} answers 409: ${await response.text()}`);
    },
    delete: async (path) => void (await call('DELETE', path)),
  };
}

/** One origin for everything, and a token from a file. */
export function sendWithToken(url: string, tokenFile: string): SendAdminCall {
  const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
  return ({ method, path, body }) =>
    fetch(url + path, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    });
}
