export { type AwsCredentials, type CredentialSource, environmentCredentials } from './credentials.ts';
export { defaultCredentials } from './default_credentials.ts';
export { createSignedFetch, type SignedFetch, type SignedRequest } from './signed_fetch.ts';
