/**
 * What is true of the deployment besides the outcomes of requests, looked at from outside: by AWS's own protocols, Node's
 * X.509 and the command line, not by what the functions are made of. One row each; a row that throws does not hold.
 */

import type { Shown } from '../transcript.ts';
import { checkDoorsRefuse } from './checks/doors.ts';
import { checkForgedHeaders } from './checks/forged_headers.ts';
import { checkRecordsInTable, checkTrail } from './checks/records.ts';
import { checkChain, checkTrustBundle } from './checks/root.ts';
import type { CloudDemo } from './start.ts';

export interface Check {
  /** Stable, kebab-case. */
  readonly name: string;
  readonly title: string;
  /** Answers what was seen; throws with what was seen instead. */
  readonly run: (demo: CloudDemo, shown: readonly Shown[]) => Promise<string>;
}

export interface CheckOutcome {
  readonly name: string;
  readonly title: string;
  readonly ok: boolean;
  readonly detail: string;
}

export const CHECKS: readonly Check[] = [
  { name: 'records-in-table', title: 'each decision has its record in DynamoDB', run: checkRecordsInTable },
  { name: 'svid-leads-to-kms-key', title: 'SVIDs lead to a root whose key is in KMS', run: checkChain },
  { name: 'trust-bundle-has-root', title: 'the trust bundle endpoint serves that root', run: checkTrustBundle },
  {
    name: 'forged-headers-unseen',
    title: 'headers that a client forges never reach `authorize`',
    run: checkForgedHeaders,
  },
  {
    name: 'doors-refuse-unsigned',
    title: 'no door that IAM guards answers a call without a signature',
    run: (demo) => checkDoorsRefuse(demo, undefined),
  },
  {
    name: 'doors-refuse-strangers',
    title: 'nor one by a role that is configured nowhere',
    run: (demo) => checkDoorsRefuse(demo, 'stranger'),
  },
  {
    name: 'doors-refuse-overpowered',
    title: 'nor one by such a role that may invoke every function of the account',
    run: (demo) => checkDoorsRefuse(demo, 'overpowered'),
  },
  { name: 'trail-verifies', title: 'the whole trail verifies: postern audit verify', run: checkTrail },
];

export async function runChecks(
  demo: CloudDemo,
  shown: readonly Shown[],
  onOutcome: (outcome: CheckOutcome) => void,
): Promise<readonly CheckOutcome[]> {
  const outcomes: CheckOutcome[] = [];
  for (const { name, title, run } of CHECKS) {
    const seen = await run(demo, shown).then(
      (detail) => ({ ok: true, detail }),
      (fault: Error) => ({ ok: false, detail: fault.message }),
    );
    const outcome = { name, title, ...seen };
    outcomes.push(outcome);
    onOutcome(outcome);
  }
  return outcomes;
}
