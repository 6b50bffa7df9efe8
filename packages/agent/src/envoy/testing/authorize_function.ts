/** What `authorize` answers behind its function URL, with a real broker: the proxy's role asks, headers say about what. */
import { createDecisionRecord, readHttpCheck, renderHttpAnswer } from '@postern/broker';
import { APP_ROLE, brokerOfNow, type Kept, STATE } from '../../ext_authz/testing/world.ts';
import type { FunctionUrlAnswer, FunctionUrlCall } from '../../testing/index.ts';

export interface AuthorizeFunction {
  readonly kept: readonly Kept[];
  readonly answer: (call: FunctionUrlCall) => FunctionUrlAnswer;
}

export function createAuthorizeFunction(): AuthorizeFunction {
  const broker = brokerOfNow();
  const kept: Kept[] = [];
  return {
    kept,
    answer(call) {
      const request = readHttpCheck({ rawHeaders: [...call.headers], isSigned: true });
      const point = { id: APP_ROLE, kind: 'iam' } as const;
      const decision = request.ok ? broker.check(STATE, request.value, point) : broker.refuse(request, point);
      kept.push({ ...createDecisionRecord(decision, 1), id: decision.id });
      const { status, headers, body } = renderHttpAnswer(decision);
      return { status, headers: Object.fromEntries(headers), body };
    },
  };
}
