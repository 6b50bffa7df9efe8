/**
 * What each signed request goes through before its door sees it (RFC 8555 6.2 to 6.5): form, URL, nonce, key, signature, and
 * only then the nonce is spent. A key that merely shows itself is anybody's, and a spent nonce is a stored item: there the
 * door spends it, once it knows who asks.
 */
import {
  ACME_ALGORITHMS,
  ACME_MEDIA_TYPE,
  type AcmeAccount,
  type AcmeRefusal,
  compactOf,
  type Jwk,
  MAX_SIGNED_BYTES,
  payloadObject,
  publicMembers,
  readSigned,
  type SignedRequest,
  verifySigned,
} from '@postern/acme';
import { SignerUnavailable } from '@postern/keys';
import { StoreUnavailable } from '@postern/store';
import type { Context } from 'hono';
import { parseJsonObject } from '../door/body.ts';
import type { Call, Door } from '../door/door.ts';
import { type AcmeReply, isRefusal, linkTo, sendAnswer } from './answer.ts';
import type { AcmePorts } from './ports.ts';
import { malformed, refusalOf } from './refusals.ts';

export interface SignedCall {
  /** The whole request, for whoever verifies it again. */
  readonly compact: string;
  /** POST-as-GET (RFC 8555 6.3): an empty payload. */
  readonly isRead: boolean;
  /** JSON object; untrusted, and signed. */
  readonly payload: { readonly [name: string]: unknown };
  param(name: string): string;
}
export interface AccountCall extends SignedCall {
  readonly account: AcmeAccount;
}
export interface KeyCall extends SignedCall {
  readonly jwk: Jwk;
  /** Answers the refusal of a nonce that was spent before. */
  spendNonce(): Promise<AcmeRefusal | undefined>;
}

export interface SignedDoors {
  /** Signed for an account that is valid. */
  account(path: string, handle: (call: AccountCall) => Promise<AcmeReply>): void;
  /** Signed by the key that it shows. */
  key(path: string, handle: (call: KeyCall) => Promise<AcmeReply>): void;
  either(path: string, handle: (call: AccountCall | KeyCall) => Promise<AcmeReply>): void;
}

type Signer = { readonly account: AcmeAccount } | { readonly jwk: Jwk };

/** A flattened JWS in JSON: three members around what the compact form has. */
const MAX_BODY_BYTES = MAX_SIGNED_BYTES + 256;

export function createSignedDoors(door: Pick<Door, 'open'>, ports: AcmePorts): SignedDoors {
  const { nonces, accounts, urls, origin } = ports;

  function mount(path: string, by: 'account' | 'key' | 'either', handle: (call: never) => Promise<AcmeReply>): void {
    door.open('POST', path, MAX_BODY_BYTES, async (context, call) => {
      let caller: string | undefined;
      const reply = await answerTo(context, call, by, async (signed) => {
        if ('account' in signed) caller = `acme-account:${signed.account.id}`;
        return handle(signed as never);
      }).catch((fault: unknown) => faulted(path, fault));
      if (isRefusal(reply)) ports.recordRefusal({ door: `acme POST ${path}`, reason: reply.reason, caller });
      return sendAnswer(context, reply, await groundOf());
    });
  }

  const groundOf = async () => ({
    'replay-nonce': await nonces.create(),
    'cache-control': 'no-store',
    link: linkTo(urls.directory, 'index'),
  });

  async function answerTo(
    context: Context,
    call: Call,
    by: 'account' | 'key' | 'either',
    handle: (signed: AccountCall | KeyCall) => Promise<AcmeReply>,
  ): Promise<AcmeReply> {
    const type = call.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== ACME_MEDIA_TYPE)
      return { ...malformed('content-type', `the media type of requests is ${ACME_MEDIA_TYPE}`), status: 415 };
    const body = parseJsonObject(call.body);
    if (!body.ok) return malformed(body.reason, 'the request is no JSON object');
    const compact = compactOf(body.value);
    if (!compact.ok) return refusalOf(compact.reason);
    const read = readSigned(compact.value);
    if (!read.ok) return read.reason === 'jws-algorithm' ? badAlgorithm(read.reason) : refusalOf(read.reason);
    const request = read.value;
    if (request.url !== origin + call.target) return refusalOf('jws-url');
    const { nonce } = request;
    if (nonce === undefined || !(await nonces.isGood(nonce))) return badNonce('nonce-unknown');
    const signer = await signerOf(request, by);
    if ('problem' in signer) return signer;
    const key = 'account' in signer ? signer.account.jwk : signer.jwk;
    const verified = verifySigned(request, key);
    if (!verified.ok) return refusalOf(verified.reason);
    const spendNonce = async () => ((await nonces.spend(nonce)) ? undefined : badNonce('nonce-used'));
    const replayed = 'account' in signer ? await spendNonce() : undefined;
    if (replayed !== undefined) return replayed;
    const { payload: bytes } = request;
    const payload = bytes.length === 0 ? {} : payloadObject(bytes);
    if (payload === undefined) return malformed('payload-malformed', 'the payload is no JSON object');
    const param = (name: string) => context.req.param(name) ?? '';
    const signed = { compact: compact.value, isRead: bytes.length === 0, payload, param };
    return handle('account' in signer ? { ...signed, ...signer } : { ...signed, ...signer, spendNonce });
  }

  /** A key by which nothing is verified yet. */
  async function signerOf(
    { kid, jwk }: SignedRequest,
    by: 'account' | 'key' | 'either',
  ): Promise<Signer | AcmeRefusal> {
    if (jwk !== undefined)
      return by === 'account'
        ? malformed('jws-key-shown', 'this request names its account by `kid`')
        : { jwk: publicMembers(jwk) };
    if (by === 'key') return malformed('jws-key-missing', 'this request shows its key by `jwk`');
    const id = urls.accountIdOf(kid ?? '');
    const account = id === undefined ? undefined : await accounts.get(id);
    if (account === undefined) return NO_ACCOUNT;
    return account.status === 'valid' ? { account } : DEACTIVATED;
  }

  function faulted(path: string, fault: unknown): AcmeRefusal {
    ports.log({ instance: ports.createId(), door: `acme POST ${path}`, error: fault });
    const isPassing = fault instanceof SignerUnavailable || fault instanceof StoreUnavailable;
    return isPassing ? refusalOf('authority-unavailable') : { ...refusalOf('fault'), status: 500 };
  }

  return {
    account: (path, handle) => mount(path, 'account', handle),
    key: (path, handle) => mount(path, 'key', handle),
    either: (path, handle) => mount(path, 'either', handle),
  };
}

const NO_ACCOUNT: AcmeRefusal = {
  problem: 'accountDoesNotExist',
  reason: 'account-unknown',
  detail: 'there is no such account',
};
export const DEACTIVATED: AcmeRefusal = {
  problem: 'unauthorized',
  reason: 'account-deactivated',
  detail: 'this account is deactivated',
};

const badNonce = (reason: string): AcmeRefusal => ({
  problem: 'badNonce',
  reason,
  detail: 'the nonce was used, has ended, or is none of this server: try again with the one of this answer',
});

/** RFC 8555 6.2: which there are. */
const badAlgorithm = (reason: string): AcmeRefusal => ({
  problem: 'badSignatureAlgorithm',
  reason,
  detail: `requests are signed with ${ACME_ALGORITHMS.join(', ')}`,
  members: { algorithms: ACME_ALGORITHMS },
});
