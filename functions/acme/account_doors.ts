/** Accounts (RFC 8555 7.3): made with the binding of an administrator's key and with nothing less. */
import {
  type AccountBinding,
  type AcmeAccount,
  type AcmeRefusal,
  compactOf,
  isSameKey,
  type Jwk,
  payloadObject,
  verifyKeyChange,
} from '@postern/acme';
import { PATHS } from '@postern/api';
import { thumbprint } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { AcmeAnswer, AcmeReply } from './answer.ts';
import type { AcmePorts } from './ports.ts';
import { malformed, notFound, refusalOf } from './refusals.ts';
import { type AccountCall, DEACTIVATED, type KeyCall, type SignedDoors } from './signed_doors.ts';

const MAX_CONTACTS = 4;
const MAX_CONTACT_CHARS = 320;
/** RFC 8555 7.3: one address, no header fields. */
const MAILTO = /^mailto:[^\s?,@]+@[^\s?,@]+$/;
const MAX_LISTED_ORDERS = 100;

type ContactReason = 'contact-malformed' | 'contact-scheme';

export function mountAccountDoors(doors: SignedDoors, ports: AcmePorts): void {
  const { urls, accounts, orders, authority, clock } = ports;

  doors.key(PATHS.acme.newAccount, async (call) => {
    const known = await accounts.find(thumbprint(call.jwk));
    if (known !== undefined)
      return (await call.spendNonce()) ?? (known.status === 'valid' ? answerOf(known, 200) : DEACTIVATED);
    if (call.payload['onlyReturnExisting'] === true)
      return { problem: 'accountDoesNotExist', reason: 'account-unknown', detail: 'there is no account of this key' };
    return create(call);
  });

  async function create({ jwk, payload, spendNonce }: KeyCall): Promise<AcmeReply> {
    const contact = parseContact(payload['contact']);
    if (!contact.ok) return refusedContact(contact.reason);
    const { externalAccountBinding } = payload;
    if (externalAccountBinding === undefined)
      return {
        problem: 'externalAccountRequired',
        reason: 'eab-missing',
        detail: 'an account needs a key of an administrator: postern acme key create',
      };
    const eab = compactOf(externalAccountBinding);
    if (!eab.ok) return refusalOf('eab-malformed');
    if (!isFor(eab.value, jwk)) return refusalOf('eab-account-key');
    const binding: AccountBinding = { eab: eab.value, keyChanges: [] };
    const granted = await authority.grant(binding, true);
    if (!granted.ok) return refusalOf(granted.reason);
    const replayed = await spendNonce();
    if (replayed !== undefined) return replayed;
    const { keyId, entryId } = granted.value;
    const own = { jwk, thumbprint: thumbprint(jwk), contact: contact.value };
    const account: AcmeAccount = {
      ...{ id: ports.createId(), status: 'valid', createdAtMs: clock.nowMs() },
      ...own,
      ...{ binding, keyId, entryId },
    };
    await record(account, 'created');
    const created = await accounts.create(account);
    if (created.ok) return answerOf(account, 201);
    const first = await accounts.find(account.thumbprint);
    return first?.status === 'valid' ? answerOf(first, 200) : DEACTIVATED;
  }

  doors.account(PATHS.acme.account(':account'), async (call) => {
    const { account, payload } = call;
    if (call.param('account') !== account.id) return notFound('account-of-another');
    const { status, contact } = payload;
    if (status !== undefined && status !== 'deactivated')
      return malformed('account-status', 'an account can be `deactivated`, and nothing else');
    if (status === undefined && contact === undefined) return answerOf(account, 200);
    const parsed = parseContact(contact ?? account.contact);
    if (!parsed.ok) return refusedContact(parsed.reason);
    const after: AcmeAccount = {
      ...account,
      contact: parsed.value,
      status: status === 'deactivated' ? 'deactivated' : 'valid',
    };
    await record(account, status === 'deactivated' ? 'deactivated' : 'updated');
    const changed = await accounts.replace(account, after);
    return changed.ok ? answerOf(after, 200) : refusalOf(changed.reason);
  });

  doors.account(PATHS.acme.orders(':account'), async (call) => {
    if (call.param('account') !== call.account.id) return notFound('account-of-another');
    const listed = await orders.list(call.account.id, MAX_LISTED_ORDERS);
    return { status: 200, body: { orders: listed.map(({ id }) => urls.order(id)) } };
  });

  doors.account(PATHS.acme.keyChange, async ({ account, compact }: AccountCall) => {
    const change = verifyKeyChange(compact, account.jwk, urls);
    if (!change.ok) return refusalOf(change.reason);
    const { jwk } = change.value;
    const print = thumbprint(jwk);
    const taken = await accounts.find(print);
    if (taken !== undefined) return conflictWith(taken);
    const { binding } = account;
    const after: AcmeAccount = {
      ...account,
      jwk,
      thumbprint: print,
      binding: { ...binding, keyChanges: [...binding.keyChanges, compact] },
    };
    // What the authority would not follow is not kept: the account would be of no use any more.
    const granted = await authority.grant(after.binding, false);
    if (!granted.ok) return refusalOf(granted.reason);
    await record(after, 'key-changed');
    const changed = await accounts.replace(account, after);
    if (changed.ok) return answerOf(after, 200);
    return changed.reason === 'account-key-taken' ? conflictWith(undefined) : refusalOf(changed.reason);
  });

  /** RFC 8555 7.3.5. */
  const conflictWith = (taken: AcmeAccount | undefined): AcmeRefusal => ({
    ...malformed('account-key-taken', 'another account has, or had, this key'),
    status: 409,
    ...(taken !== undefined && { headers: { location: urls.account(taken.id) } }),
  });

  const record = (
    { id: accountId, keyId, entryId, thumbprint: keyThumbprint }: AcmeAccount,
    event: 'created' | 'updated' | 'deactivated' | 'key-changed',
  ) => ports.record({ kind: 'acme-account', event, accountId, keyId, entryId, keyThumbprint });

  const answerOf = ({ id, status, contact }: AcmeAccount, code: 200 | 201): AcmeAnswer => ({
    status: code,
    body: { status, contact, orders: urls.orders(id) },
    headers: { location: urls.account(id) },
  });
}

/** The account's own key is what an administrator's key was used for (RFC 8555 7.3.4). */
function isFor(eab: string, jwk: Jwk): boolean {
  const bound = payloadObject(Buffer.from(eab.split('.')[1] ?? '', 'base64url'));
  try {
    return bound !== undefined && isSameKey(bound as Jwk, jwk);
  } catch {
    return false;
  }
}

/** `value`: untrusted; absent is none. Kept for the administrator, and never written to. */
function parseContact(value: unknown): Result<readonly string[], ContactReason> {
  if (value === undefined) return accept([]);
  if (!Array.isArray(value) || value.length > MAX_CONTACTS) return refuse('contact-malformed');
  for (const contact of value as unknown[]) {
    if (typeof contact !== 'string' || contact.length > MAX_CONTACT_CHARS) return refuse('contact-malformed');
    if (!contact.startsWith('mailto:')) return refuse('contact-scheme');
    if (!MAILTO.test(contact)) return refuse('contact-malformed');
  }
  return accept(value as readonly string[]);
}

const refusedContact = (reason: ContactReason): AcmeRefusal => ({
  problem: reason === 'contact-scheme' ? 'unsupportedContact' : 'invalidContact',
  reason,
  detail: `contacts are \`mailto:\` addresses, ${MAX_CONTACTS} at most`,
});
