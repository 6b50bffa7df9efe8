import type { IncomingMessage } from 'node:http';

export type AwsService = 'dynamodb' | 'kms' | 's3' | 'lambda-url';

export type RenderedFault = { status: number; headers: Record<string, string>; body: string };

export type ServiceFaults = {
  /** By the service's own name: `PutItem`, `Sign`; for others the method. */
  operationOf: (call: IncomingMessage) => string;
  /** How the service says that it has too much to do, that the caller may not, and that it has failed. */
  faults: Record<'throttle' | 'deny' | 'fail', RenderedFault>;
};

/** Each service refuses in words of its own; a client that knows only another's would take them for something else. */
export const SERVICES: Record<AwsService, ServiceFaults> = {
  dynamodb: {
    operationOf: targetOf,
    faults: {
      throttle: jsonFault(400, 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException'),
      deny: jsonFault(400, 'com.amazon.coral.service#AccessDeniedException'),
      fail: jsonFault(500, 'com.amazonaws.dynamodb.v20120810#InternalServerError'),
    },
  },
  kms: {
    operationOf: targetOf,
    faults: {
      throttle: jsonFault(400, 'ThrottlingException'),
      deny: jsonFault(400, 'AccessDeniedException'),
      fail: jsonFault(500, 'KMSInternalException'),
    },
  },
  s3: {
    operationOf: methodOf,
    faults: {
      throttle: xmlFault(503, 'SlowDown'),
      deny: xmlFault(403, 'AccessDenied'),
      fail: xmlFault(500, 'InternalError'),
    },
  },
  // A function's own door: the front door answers before the function is asked.
  'lambda-url': {
    operationOf: methodOf,
    faults: {
      throttle: urlFault(
        429,
        'TooManyRequestsException',
        '{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}',
      ),
      deny: urlFault(403, 'AccessDeniedException', '{"Message":"Forbidden"}'),
      fail: urlFault(502, 'InternalServerErrorException', 'Internal Server Error'),
    },
  },
};

function targetOf({ headers }: IncomingMessage): string {
  return String(headers['x-amz-target'] ?? '').replace(/^.*\./, '');
}

function methodOf({ method }: IncomingMessage): string {
  return method ?? '';
}

function jsonFault(status: number, type: string): RenderedFault {
  const body = JSON.stringify({ __type: type, message: 'told to fail' });
  return { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body };
}

function xmlFault(status: number, code: string): RenderedFault {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>told to fail</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

function urlFault(status: number, type: string, body: string): RenderedFault {
  return { status, headers: { 'content-type': 'application/json', 'x-amzn-errortype': type }, body };
}
