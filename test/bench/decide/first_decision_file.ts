/** What `first_decision.ts` reads. The release is a file of its own: canonical bytes, as they were signed. */
import type { BenchPolicy } from './policies.ts';
import type { PlainRequest } from './requests.ts';

export type FirstDecisionFile = {
  policies: readonly BenchPolicy[];
  readonly requests: readonly PlainRequest[];
  readonly releaseFile: string;
};
