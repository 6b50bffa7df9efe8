/**
 * Calls to function URLs that IAM guards, signed with the AWS credentials of whoever runs the command line. Neither their
 * code nor the credentials are loaded before the first call.
 */
import type { SignedFetch } from '@postern/aws/signed-fetch';

/** `missing`: what is thrown where there are no credentials; `cause` says where they were looked for. */
export function createSignedFetch(region: string, missing: (cause: unknown) => Error): SignedFetch {
  let opened: Promise<SignedFetch> | undefined;
  return async (url, request) => {
    opened ??= open(region, missing);
    return (await opened)(url, request);
  };
}

async function open(region: string, missing: (cause: unknown) => Error): Promise<SignedFetch> {
  const aws = await import('@postern/aws/signed-fetch');
  const find = aws.defaultCredentials();
  const credentials = () =>
    find().catch((cause: unknown) => {
      throw missing(cause);
    });
  return aws.createSignedFetch({ credentials, region, service: 'lambda' });
}
