/**
 * Memory and time of each function. Lambda gives CPU in proportion to memory (1,769 MB are one core), so memory is chosen
 * by how long somebody waits. No time-out is below 15 s: a store that does not answer is given up after 8 s, and then the
 * function still has to say so (503) and to leave its record. Behind the HTTP API 29 s are the end.
 */
import type { FunctionName } from '@postern/functions/access';

export interface FunctionSize {
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly description: string;
}

export const FUNCTION_SIZES: { readonly [F in FunctionName]: FunctionSize } = {
  // A proxy holds a request while it decides; a cold start should be over within the time-out of our Envoy template.
  authorize: { memoryMb: 1024, timeoutSeconds: 15, description: 'decides requests for proxies without an agent' },
  // A workload waits for its first certificate.
  issue: { memoryMb: 512, timeoutSeconds: 25, description: 'joins agents and issues X.509-SVIDs' },
  // Fetches challenges, three times when it must, while the client waits.
  acme: { memoryMb: 512, timeoutSeconds: 29, description: 'speaks ACME, and asks `issue` for the certificates' },
  // Asked by every agent all the time: the smallest that answers in one go.
  feed: { memoryMb: 256, timeoutSeconds: 15, description: 'serves releases and facts to agents' },
  trust: { memoryMb: 256, timeoutSeconds: 15, description: 'serves the trust bundle' },
  signals: { memoryMb: 256, timeoutSeconds: 15, description: 'takes signed webhooks about devices' },
  // Verifies whole segments.
  ingest: { memoryMb: 512, timeoutSeconds: 25, description: 'takes signed segments of records from agents' },
  admin: { memoryMb: 512, timeoutSeconds: 25, description: 'registration entries, join tokens, revocations' },
  // Parses and validates a policy repository; its tick fetches keys of OpenID providers.
  publish: { memoryMb: 1024, timeoutSeconds: 60, description: 'compiles, signs and publishes releases' },
  // Reads many segments for one search.
  audit: { memoryMb: 512, timeoutSeconds: 60, description: 'searches and exports the audit trail' },
  rotate: {
    memoryMb: 256,
    timeoutSeconds: 30,
    description: 'alone uses the root: certifies issuers, feed keys, producers',
  },
};
