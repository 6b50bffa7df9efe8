/** The run as one JSON document, for programs. */
import type { Shown } from '../transcript.ts';
import type { CheckOutcome } from './checks.ts';

export interface CloudReport {
  /** Each outcome as declared, each check held. */
  readonly ok: boolean;
  readonly tookMs: number;
  readonly decisions: readonly {
    readonly title: string;
    readonly service: string;
    readonly status: number;
    readonly outcome: string | undefined;
    readonly reason: string | undefined;
    readonly decisionId: string | undefined;
    /** Who decided: `function:authorize`, or the agent's SPIFFE ID. */
    readonly decidedBy: string | undefined;
    readonly isAsDeclared: boolean;
  }[];
  readonly checks: readonly CheckOutcome[];
  /** With `--keep`: what there is to go on with. */
  readonly running?: Running;
}

export interface Running {
  /** Of the stand-in. */
  readonly endpoint: string;
  /** Of the public doors. */
  readonly publicUrl: string;
  /** As `cdk deploy` wrote it. */
  readonly outputsFile: string;
  /** Shell variables of the administrator's role. */
  readonly administratorFile: string;
  readonly workloadApiSocket: string;
  /** mTLS entrance of payments. */
  readonly paymentsPort: number;
}

export function createReport(
  shown: readonly Shown[],
  checks: readonly CheckOutcome[],
  more: { readonly tookMs: number; readonly running?: Running },
): CloudReport {
  const decisions = shown.map(({ scenario: { title, service }, status, decisionId, record, isAsDeclared }) => {
    const decision = record?.kind === 'decision' ? record : undefined;
    const decidedBy = record?.producer.replace(/#.*$/, '');
    return {
      title,
      service,
      status,
      outcome: decision?.outcome,
      reason: decision?.reason,
      decisionId,
      decidedBy,
      isAsDeclared,
    };
  });
  const ok = shown.every(({ isAsDeclared }) => isAsDeclared) && checks.every((check) => check.ok);
  return { ok, ...more, decisions, checks };
}
