/** Where each resource of the protocol is (RFC 8555 7.1), below the origin of the public doors. */
import { PATHS } from '@postern/api';

export interface AcmeUrls {
  readonly directory: string;
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert: string;
  readonly keyChange: string;
  readonly renewalInfo: string;
  readonly explanation: string;
  account(id: string): string;
  orders(accountId: string): string;
  order(id: string): string;
  finalize(orderId: string): string;
  authorization(orderId: string, index: number): string;
  challenge(orderId: string, index: number): string;
  certificate(orderId: string): string;
  /** Of an account's URL; `undefined` when it is none of ours. */
  accountIdOf(url: string): string | undefined;
}

/** UUIDv7 of ours. */
const ID = /^[0-9a-f-]{36}$/;

/** `origin`: without a last slash. */
export function createAcmeUrls(origin: string): AcmeUrls {
  const { acme } = PATHS;
  const at = (path: string) => origin + path;
  const accountPrefix = at(acme.account(''));
  return {
    directory: at(acme.directory),
    newNonce: at(acme.newNonce),
    newAccount: at(acme.newAccount),
    newOrder: at(acme.newOrder),
    revokeCert: at(acme.revokeCert),
    keyChange: at(acme.keyChange),
    renewalInfo: at(acme.renewalInfo),
    explanation: at(acme.explanation),
    account: (id) => at(acme.account(id)),
    orders: (id) => at(acme.orders(id)),
    order: (id) => at(acme.order(id)),
    finalize: (id) => at(acme.finalize(id)),
    authorization: (id, index) => at(acme.authorization(id, String(index))),
    challenge: (id, index) => at(acme.challenge(id, String(index))),
    certificate: (id) => at(acme.certificate(id)),
    accountIdOf(url) {
      const id = url.startsWith(accountPrefix) ? url.slice(accountPrefix.length) : '';
      return ID.test(id) ? id : undefined;
    },
  };
}
