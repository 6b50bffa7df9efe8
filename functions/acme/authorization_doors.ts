/** Authorizations and their one challenge (RFC 8555 7.5): looked at once, while the client waits. */
import { type AcmeOrder, type Authorization, isUnderWay, statusOf, withAuthorization } from '@postern/acme';
import { challengeProblem, checkHttpChallenge } from '@postern/acme/http-challenge';
import { PATHS } from '@postern/api';
import { type AcmeAnswer, linkTo } from './answer.ts';
import type { AcmePorts } from './ports.ts';
import { malformed, notFound, refusalOf } from './refusals.ts';
import { renderAuthorization, renderChallenge } from './resources.ts';
import type { AccountCall, SignedDoors } from './signed_doors.ts';

const RETRY_AFTER_SECONDS = 3;
const INDEX = /^(?:0|[1-9]\d?)$/;
const NOT_HERE = notFound('authorization-unknown');

export function mountAuthorizationDoors(doors: SignedDoors, ports: AcmePorts): void {
  const { urls, orders, clock } = ports;

  async function find(call: AccountCall): Promise<{ readonly order: AcmeOrder; readonly index: number } | undefined> {
    const text = call.param('index');
    const order = INDEX.test(text) ? await orders.get(call.account.id, call.param('order')) : undefined;
    const index = Number(text);
    return order?.authorizations[index] === undefined ? undefined : { order, index };
  }

  doors.account(PATHS.acme.authorization(':order', ':index'), async (call) => {
    const found = await find(call);
    if (found === undefined) return NOT_HERE;
    const { order, index } = found;
    const { status } = call.payload;
    if (status === undefined) return { status: 200, body: renderAuthorization(order, index, urls, clock.nowMs()) };
    if (status !== 'deactivated')
      return malformed('authorization-status', 'an authorization can be `deactivated`, and nothing else');
    const changed = await orders.change(call.account.id, order.id, (it) => {
      const authorization = it.authorizations[index] as Authorization;
      const isOpen = authorization.status === 'pending' || authorization.status === 'valid';
      return isOpen ? withAuthorization(it, index, { ...authorization, status: 'deactivated' }) : undefined;
    });
    if (!changed.ok) return refusalOf(changed.reason);
    return { status: 200, body: renderAuthorization(changed.value, index, urls, clock.nowMs()) };
  });

  doors.account(PATHS.acme.challenge(':order', ':index'), async (call) => {
    const found = await find(call);
    if (found === undefined) return NOT_HERE;
    const { order, index } = found;
    if (call.isRead) return answerOf(order, index);
    const nowMs = clock.nowMs();
    let isBegun = false;
    const begun = await orders.change(call.account.id, order.id, (it) => {
      const authorization = it.authorizations[index] as Authorization;
      const isOpen = statusOf(it, nowMs) === 'pending' && authorization.status === 'pending';
      isBegun = isOpen && !isUnderWay(authorization.attemptAtMs, nowMs);
      return isBegun ? withAuthorization(it, index, { ...authorization, attemptAtMs: nowMs }) : undefined;
    });
    if (!begun.ok) return refusalOf(begun.reason);
    return isBegun ? attempt(call, begun.value, index) : answerOf(begun.value, index);
  });

  /** Recorded before it counts. One that was deactivated meanwhile stays so. */
  async function attempt({ account }: AccountCall, order: AcmeOrder, index: number) {
    const { name, token } = order.authorizations[index] as Authorization;
    const { thumbprint, id: accountId, keyId, entryId } = account;
    const checked = await checkHttpChallenge({ name, token, thumbprint }, ports.challengeRules);
    await ports.record({
      ...{ kind: 'acme-challenge', event: checked.ok ? 'valid' : 'invalid', accountId, keyId, entryId },
      ...{ orderId: order.id, dnsNames: [name] },
      ...(!checked.ok && { reason: checked.reason }),
    });
    const outcome: Pick<Authorization, 'status' | 'validatedAtMs' | 'error'> = checked.ok
      ? { status: 'valid', validatedAtMs: clock.nowMs() }
      : { status: 'invalid', error: { problem: challengeProblem(checked.reason), detail: DETAILS[checked.reason] } };
    const changed = await orders.change(account.id, order.id, (it) => {
      const { attemptAtMs: _, ...authorization } = it.authorizations[index] as Authorization;
      if (authorization.status !== 'pending') return undefined;
      return withAuthorization(it, index, { ...authorization, ...outcome });
    });
    return changed.ok ? answerOf(changed.value, index) : refusalOf(changed.reason);
  }

  function answerOf(order: AcmeOrder, index: number): AcmeAnswer {
    const nowMs = clock.nowMs();
    const { status, attemptAtMs } = order.authorizations[index] as Authorization;
    const isWaiting = status === 'pending' && isUnderWay(attemptAtMs, nowMs);
    return {
      status: 200,
      body: renderChallenge(order, index, urls, nowMs),
      headers: {
        link: `${linkTo(urls.directory, 'index')}, ${linkTo(urls.authorization(order.id, index), 'up')}`,
        ...(isWaiting && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      },
    };
  }
}

/** What came instead is not repeated: whoever may order a name is not thereby shown what its server answers. */
const DETAILS = {
  'challenge-address': 'the name leads to an address that this server does not fetch from',
  'challenge-connection': 'there was no whole answer in time',
  'challenge-dns': 'the name has no address',
  'challenge-redirect': 'it was redirected too often, or to where this server does not go',
  'challenge-answer': 'the answer was not the key authorization',
} as const;
