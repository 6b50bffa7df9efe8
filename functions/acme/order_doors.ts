/** Orders (RFC 8555 7.4): for names that the entry grants now, finalized by a request that the account's key signed. */
import {
  type AcmeOrder,
  type AcmeRefusal,
  type IdentifierReason,
  isSameList,
  namesOfCsr,
  ORDER_LIFE_MS,
  parseCertificateId,
  parseIdentifiers,
  statusOf,
} from '@postern/acme';
import { createChallengeToken } from '@postern/acme/http-challenge';
import { PATHS } from '@postern/api';
import { parseCsr } from '@postern/ca';
import { encodePem } from '@postern/der';
import { type AcmeAnswer, type AcmeReply, linkTo } from './answer.ts';
import type { AcmePorts } from './ports.ts';
import { malformed, notFound, refusalOf } from './refusals.ts';
import { renderOrder } from './resources.ts';
import type { AccountCall, SignedDoors } from './signed_doors.ts';

/** Of one account: each name renewed every quarter of an hour, and mistakes besides. */
const MAX_ORDERS_AN_HOUR = 60;
const RETRY_AFTER_SECONDS = 3;

const IDENTIFIERS: { readonly [R in IdentifierReason]: Pick<AcmeRefusal, 'problem' | 'detail'> } = {
  'identifiers-malformed': { problem: 'malformed', detail: 'an order has 1 to 16 different identifiers' },
  'identifier-type': { problem: 'unsupportedIdentifier', detail: 'identifiers are of type `dns`' },
  'identifier-wildcard': { problem: 'rejectedIdentifier', detail: 'there are no certificates for wildcards' },
  'identifier-syntax': {
    problem: 'rejectedIdentifier',
    detail: 'a name has letters of lower case, digits and hyphens',
  },
};

export function mountOrderDoors(doors: SignedDoors, ports: AcmePorts): void {
  const { urls, orders, authority, clock, rates } = ports;

  doors.account(PATHS.acme.newOrder, async ({ account, payload }) => {
    const { identifiers, notBefore, notAfter, replaces } = payload;
    const names = parseIdentifiers(identifiers);
    if (!names.ok) return { reason: names.reason, ...IDENTIFIERS[names.reason] };
    if (notBefore !== undefined || notAfter !== undefined)
      return malformed('order-times', 'how long a certificate lives is the registration entry’s to say');
    const wait = await rates.count(`order#${account.id}`, MAX_ORDERS_AN_HOUR);
    if (wait !== undefined)
      return {
        ...{ problem: 'rateLimited', reason: 'orders-too-many', retryAfterSeconds: wait },
        detail: `an account has ${MAX_ORDERS_AN_HOUR} orders an hour`,
      };
    const granted = await authority.grant(account.binding, false);
    if (!granted.ok) return refusalOf(granted.reason);
    const others = names.value.filter((name) => !granted.value.dnsNames.includes(name));
    if (others.length > 0) return notGranted(others);
    const nowMs = clock.nowMs();
    const id = ports.createId();
    if (replaces !== undefined) {
      const refused = await claim(account, replaces, names.value, id);
      if (refused !== undefined) return refused;
    }
    const order: AcmeOrder = {
      ...{ id, accountId: account.id, names: names.value, createdAtMs: nowMs, expiresAtMs: nowMs + ORDER_LIFE_MS },
      authorizations: names.value.map((name) => ({ name, token: createChallengeToken(), status: 'pending' })),
      ...(typeof replaces === 'string' && { replaces }),
    };
    await ports.record({
      ...{ kind: 'acme-order', event: 'created', accountId: account.id, keyId: account.keyId },
      ...{ entryId: account.entryId, orderId: id, dnsNames: names.value },
    });
    await orders.create(order);
    return answerOf(order, 201);
  });

  /** RFC 9773 5: one order replaces a certificate, of this account and for one of its names; an order that came to nothing does not count. */
  async function claim(
    { id: accountId, keyId }: AccountCall['account'],
    replaces: unknown,
    names: readonly string[],
    orderId: string,
  ): Promise<AcmeRefusal | undefined> {
    const id = typeof replaces === 'string' ? parseCertificateId(replaces) : undefined;
    const found = id === undefined ? undefined : await authority.renewal(id.serial);
    if (id === undefined || found?.ok !== true || found.value.issuerKeyId !== id.issuerKeyId)
      return malformed('replaces-unknown', '`replaces` names no certificate of this server');
    const { value: replaced } = found;
    if (replaced.keyId !== keyId || !names.some((name) => replaced.dnsNames.includes(name)))
      return {
        problem: 'unauthorized',
        reason: 'replaces-of-another',
        detail: '`replaces` names another’s certificate',
      };
    const certificate = `${id.issuerKeyId}.${id.serial}`;
    const first = await orders.claimReplacement(accountId, certificate, orderId);
    if (first === orderId) return undefined;
    const order = await orders.get(accountId, first);
    const isOver = order === undefined || statusOf(order, clock.nowMs()) === 'invalid';
    if (isOver && (await orders.takeReplacement(accountId, certificate, first, orderId))) return undefined;
    return {
      problem: 'alreadyReplaced',
      reason: 'replaced-already',
      detail: 'another order replaces this certificate',
    };
  }

  doors.account(PATHS.acme.order(':order'), async (call) => {
    const order = await orders.get(call.account.id, call.param('order'));
    return order === undefined ? notFound('order-unknown') : answerOf(order, 200);
  });

  doors.account(PATHS.acme.finalize(':order'), async (call) => {
    const { account, payload } = call;
    const order = await orders.get(account.id, call.param('order'));
    if (order === undefined) return notFound('order-unknown');
    const csr = typeof payload['csr'] === 'string' ? parseCsr(Buffer.from(payload['csr'], 'base64url')) : undefined;
    if (csr === undefined) return refusalOf('csr-malformed');
    if (!csr.ok) return refusalOf(csr.reason);
    const names = namesOfCsr(csr.value);
    if (!names.ok || !isSameList(names.value, order.names)) return refusalOf('csr-names');
    const nowMs = clock.nowMs();
    let isBegun = false;
    const begun = await orders.change(account.id, order.id, (it) => {
      isBegun = statusOf(it, nowMs) === 'ready';
      return isBegun ? { ...it, finalizeAtMs: nowMs } : undefined;
    });
    if (!begun.ok) return refusalOf(begun.reason);
    if (!isBegun)
      return {
        ...{ problem: 'orderNotReady', reason: `order-${statusOf(begun.value, nowMs)}` },
        detail: `the order is ${statusOf(begun.value, nowMs)}`,
      };
    return finalize(call, order.id);
  });

  /** What failed for now leaves the order ready (RFC 8555 7.4); what the entry does not grant any more ends it. */
  async function finalize({ account, compact }: AccountCall, orderId: string): Promise<AcmeReply> {
    const end = (change: Partial<AcmeOrder>) =>
      orders.change(account.id, orderId, ({ finalizeAtMs: _, ...order }) => ({ ...order, ...change }));
    let issued: Awaited<ReturnType<typeof authority.issue>>;
    try {
      issued = await authority.issue(account.binding, compact);
    } catch (fault) {
      await end({});
      throw fault;
    }
    if (!issued.ok) {
      const refusal = refusalOf(issued.reason);
      const { problem, detail } = refusal;
      await end(problem === 'unauthorized' ? { error: { problem, detail } } : {});
      return refusal;
    }
    const { chain, serial, notAfterMs } = issued.value;
    const certificate = chain.map((der) => encodePem('CERTIFICATE', Buffer.from(der, 'base64'))).join('');
    const ended = await end({ certificate, serial, notAfterMs });
    return ended.ok ? answerOf(ended.value, 200) : refusalOf(ended.reason);
  }

  doors.account(PATHS.acme.certificate(':order'), async (call) => {
    const order = await orders.get(call.account.id, call.param('order'));
    if (order?.certificate === undefined) return notFound('certificate-not-issued');
    const headers = { 'content-type': 'application/pem-certificate-chain', link: linkTo(urls.directory, 'index') };
    return { status: 200, body: order.certificate, headers };
  });

  function answerOf(order: AcmeOrder, status: 200 | 201): AcmeAnswer {
    const nowMs = clock.nowMs();
    const isWaiting = statusOf(order, nowMs) === 'processing';
    return {
      status,
      body: renderOrder(order, urls, nowMs),
      headers: {
        location: urls.order(order.id),
        ...(isWaiting && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      },
    };
  }
}

const notGranted = (names: readonly string[]): AcmeRefusal => {
  const detail = 'the registration entry of this account does not grant this name';
  return {
    ...{ problem: 'rejectedIdentifier', reason: 'name-not-granted', detail },
    subproblems: names.map((name) => ({ problem: 'rejectedIdentifier', detail, name })),
  };
};
