/** The credentials of a person or a machine, for the command line and agents. */
import type { AwsCredentials, CredentialSource } from './credentials.ts';

/**
 * Where the AWS command line finds them too: environment, profiles, single sign-on, a container's or instance's role; the
 * SDK keeps them and renews them before they expire. Its code is loaded by the first call, since functions never need it.
 */
export function defaultCredentials(options: { readonly profile?: string } = {}): CredentialSource {
  let provider: Promise<() => Promise<AwsCredentials>> | undefined;
  return async () => {
    provider ??= import('@aws-sdk/credential-provider-node').then(({ defaultProvider }) => defaultProvider(options));
    return (await provider)();
  };
}
