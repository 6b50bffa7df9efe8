/**
 * The HTTP flavour of ext_authz as a function: facts from headers → broker → durable record → answer. No web framework:
 * those normalise what must be seen as it came. Answers only 200, 401, 403, 302 and 5xx; nothing else may reach a proxy.
 */
import type { RecordBody, RefusalLedger } from '@postern/audit';
import {
  type Broker,
  type ClientAnswer,
  createDecisionRecord,
  type Decision,
  type EnforcementPoint,
  isEnforcementPoint,
  readHttpCheck,
  renderHttpAnswer,
} from '@postern/broker';
import type { DecisionState } from '@postern/feed';

export interface AuthorizePorts {
  readonly broker: Broker;
  /** What the feed says now, at most a second old. */
  readonly state: () => Promise<DecisionState | undefined>;
  /** Strict: durable when it resolves. When it rejects, the request is denied. */
  readonly record: (body: RecordBody, id: string) => Promise<unknown>;
  /** Where repeats are counted of those who are no enforcement point: nobody else may fill the trail call by call. */
  readonly refusals: Pick<RefusalLedger, 'countRepeat'>;
  /** Microseconds of a monotonic clock. */
  readonly nowUs: () => number;
  readonly onFault: (fault: unknown) => void;
}

export interface AuthorizeCall {
  /** Every header line in order, as received. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
  /** As the transport proved it; undefined when it did not. */
  readonly enforcementPoint: EnforcementPoint | undefined;
}

export type Authorize = (call: AuthorizeCall) => Promise<ClientAnswer>;

export function createAuthorize(ports: AuthorizePorts): Authorize {
  return async ({ rawHeaders, enforcementPoint }) => {
    try {
      const startUs = ports.nowUs();
      const state = await ports.state();
      const decision = decisionOf(ports.broker, state, rawHeaders, enforcementPoint);
      const { reason } = decision;
      // Whatever was refused first: a call that cannot be read may be anybody's.
      const isStranger = state === undefined || !isEnforcementPoint(state.release, enforcementPoint);
      if (!isStranger || !ports.refusals.countRepeat({ door: 'authorize', reason, caller: enforcementPoint?.id }))
        await ports.record(createDecisionRecord(decision, Math.round(ports.nowUs() - startUs)), decision.id);
      return checkAnswer(renderHttpAnswer(decision));
    } catch (fault) {
      ports.onFault(fault);
      return UNAVAILABLE;
    }
  };
}

function decisionOf(
  broker: Broker,
  state: DecisionState | undefined,
  rawHeaders: AuthorizeCall['rawHeaders'],
  point: EnforcementPoint | undefined,
): Decision {
  const request = readHttpCheck({ rawHeaders, isSigned: point?.kind === 'iam' });
  return request.ok ? broker.check(state, request.value, point) : broker.refuse(request, point);
}

/** A decision that cannot be recorded is not given. */
const UNAVAILABLE: ClientAnswer = { status: 503, headers: [['retry-after', '1']], body: '' };
const STATUSES: ReadonlySet<number> = new Set([200, 302, 401, 403, 500, 503]);

/** Envoy lets 200 through and hands everything else to the client (X22): a 204 would look like success to it. */
function checkAnswer(answer: ClientAnswer): ClientAnswer {
  if (!STATUSES.has(answer.status)) throw new Error(`status ${answer.status} must not reach a proxy`);
  return answer;
}
