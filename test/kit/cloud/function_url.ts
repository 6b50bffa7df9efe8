import { type AwsCredentials, createSignedFetch, type SignedFetch } from '@postern/aws/signed-fetch';
import { REGION } from '../ministack.ts';

/** Calls function URLs as whoever these credentials are. */
export function signAs(credentials: AwsCredentials): SignedFetch {
  return createSignedFetch({ credentials: async () => credentials, region: REGION, service: 'lambda' });
}

/** AWS's own form of a URL of the stand-in, and where to connect for it: for a client that takes the name it connects to. */
export function nameFunctionUrl(url: string): { url: string; address: { address: string; port: number } } {
  const { hostname, port, pathname } = new URL(url);
  const id = pathname
    .split('/')
    .filter((part) => part !== '')
    .at(-1);
  return {
    url: `http://${id}.lambda-url.${REGION}.on.aws/`,
    address: { address: hostname, port: Number(port) },
  };
}
