import { type AwsCredentials, createSignedFetch } from '@postern/aws/signed-fetch';

/** Where a stand-in for AWS is, and as whom it is called. */
export type AwsAccess = {
  endpoint: string;
  region: string;
  credentials: AwsCredentials;
};

/**
 * Calls of AWS in its protocols themselves, for the services that Postern has no client of: tests and the demo set the
 * stand-in up, and look at what is stored, by none of the code that they test.
 */
export type AwsCalls = {
  /** AWS JSON: DynamoDB, KMS, Secrets Manager, CloudWatch Logs. `target`: such as `DynamoDB_20120810.Scan`. */
  json: <T>(service: string, target: string, body: object) => Promise<T>;
  /** AWS Query: IAM and STS. Answers XML. */
  query: (service: string, version: string, action: string, parameters?: Record<string, string>) => Promise<string>;
  /** REST with JSON: Lambda and API Gateway. */
  rest: <T>(service: string, method: string, path: string, body?: object) => Promise<T>;
};

/** What AWS refused, by its own name for it. */
export class AwsRefused extends Error {
  override readonly name = 'AwsRefused';
  readonly status: number;

  constructor(what: string, status: number, answer: string) {
    super(`${what} answers ${status}: ${answer.slice(0, 500)}`);
    this.status = status;
  }
}

export function createAwsCalls({ endpoint, region, credentials }: AwsAccess): AwsCalls {
  async function call(service: string, what: string, path: string, request: RequestOf): Promise<string> {
    const signedFetch = createSignedFetch({ credentials: async () => credentials, region, service });
    const response = await signedFetch(`${endpoint}${path}`, request);
    const answer = await response.text();
    if (!response.ok) throw new AwsRefused(`${service} ${what}`, response.status, answer);
    return answer;
  }

  return {
    json: async <T>(service: string, target: string, body: object) => {
      const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
      return parse<T>(await call(service, target, '/', { method: 'POST', headers, body: JSON.stringify(body) }));
    },
    query: (service, version, action, parameters = {}) => {
      const body = new URLSearchParams({ Action: action, Version: version, ...parameters }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      return call(service, action, '/', { method: 'POST', headers, body });
    },
    rest: async <T>(service: string, method: string, path: string, body?: object) => {
      const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      return parse<T>(await call(service, `${method} ${path}`, path, { method, ...content }));
    },
  };
}

type RequestOf = { method: string; headers?: Record<string, string>; body?: string };

function parse<T>(text: string): T {
  return (text === '' ? {} : JSON.parse(text)) as T;
}
