/** Whose signature a request carries. */

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

/** Asked before every request, since temporary credentials are replaced while a process lives. */
export type CredentialSource = () => Promise<AwsCredentials>;

/** Named as the SDK names it, so that `retries.ts` treats both alike: asking again would not bring any. */
export class CredentialsMissing extends Error {
  override readonly name = 'CredentialsProviderError';
}

/** The variables that Lambda sets, read anew every time. */
export function environmentCredentials(
  environment: { readonly [variable: string]: string | undefined } = process.env,
): CredentialSource {
  return async () => {
    const accessKeyId = environment['AWS_ACCESS_KEY_ID'];
    const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'];
    const sessionToken = environment['AWS_SESSION_TOKEN'];
    if (!accessKeyId || !secretAccessKey)
      throw new CredentialsMissing('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set');
    return sessionToken ? { accessKeyId, secretAccessKey, sessionToken } : { accessKeyId, secretAccessKey };
  };
}
