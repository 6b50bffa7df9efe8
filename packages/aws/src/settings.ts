/** What both sets of clients are made with. */
import type { CredentialSource } from './signed_fetch/credentials.ts';

export interface ClientSettings {
  /** From the environment when absent. */
  readonly region?: string;
  /** One for all services, as a stand-in has; the standard AWS_ENDPOINT_URL variables or AWS's own when absent. */
  readonly endpoint?: string;
  readonly credentials?: CredentialSource;
}
