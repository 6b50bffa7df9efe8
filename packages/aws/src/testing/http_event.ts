/** A call as a function URL hands it over, with members replaced. */
export function httpEvent(members: { readonly [member: string]: unknown } = {}): {
  readonly [member: string]: unknown;
} {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/a',
    rawQueryString: '',
    headers: { host: 'example.lambda-url.eu-west-1.on.aws' },
    requestContext: { requestId: 'r', http: { method: 'GET', path: '/a', sourceIp: '192.0.2.1' } },
    isBase64Encoded: false,
    ...members,
  };
}

/** Signed, as IAM saw it. */
export function signedContext(userArn: unknown): object {
  return { http: { method: 'GET' }, authorizer: { iam: { userArn, accountId: '123456789012' } } };
}
