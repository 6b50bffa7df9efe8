/** ACME accounts (RFC 8555 7.1.2), each bound to the administrator's key that made it. */
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Key, Table } from '@postern/store';
import type { AccountBinding } from './account_binding.ts';
import { createSealedItems } from './sealed_items.ts';
import type { Jwk } from './signed_request.ts';

export interface AcmeAccount {
  /** UUIDv7. */
  readonly id: string;
  readonly status: 'valid' | 'deactivated';
  /** The key that signs for it now. */
  readonly jwk: Jwk;
  readonly thumbprint: string;
  readonly contact: readonly string[];
  readonly binding: AccountBinding;
  /** Of the administrator's key. */
  readonly keyId: string;
  readonly entryId: string;
  readonly createdAtMs: number;
}

export interface AcmeAccountStore {
  /** `account-key-taken`: another account signs with this key. */
  create(account: AcmeAccount): Promise<Result<void, 'account-key-taken'>>;
  /** `id`: untrusted. */
  get(id: string): Promise<AcmeAccount | undefined>;
  /** By the thumbprint of its key. */
  find(thumbprint: string): Promise<AcmeAccount | undefined>;
  /** `before`: as it was read. `account-changed`: it is not that any more. */
  replace(before: AcmeAccount, after: AcmeAccount): Promise<Result<void, 'account-changed' | 'account-key-taken'>>;
}

const BY_ID = 'acme-account';
const BY_KEY = 'acme-account-key';
const ID = /^[0-9a-f-]{36}$/;

/** `mac`: key `acme`. Cost of `create` and of a change of the key: one transaction; of `find`: two reads. */
export function createAcmeAccountStore(ports: {
  readonly table: Table;
  readonly mac: Mac;
  readonly onForged: (key: Key) => void;
}): AcmeAccountStore {
  const { table } = ports;
  const accounts = createSealedItems<AcmeAccount>(ports);
  const keys = createSealedItems<{ readonly id: string }>(ports);
  const idKey = (id: string): Key => ({ pk: BY_ID, sk: id });
  const thumbKey = (thumbprint: string): Key => ({ pk: BY_KEY, sk: thumbprint });
  const get = async (id: string) => (ID.test(id) ? accounts.get(idKey(id)) : undefined);

  return {
    get,
    async create(account) {
      const created = await table.transact([
        await accounts.creation(idKey(account.id), account),
        await keys.creation(thumbKey(account.thumbprint), { id: account.id }),
      ]);
      return created.ok ? created : refuse('account-key-taken');
    },
    async find(thumbprint) {
      const found = await keys.get(thumbKey(thumbprint));
      const account = found && (await get(found.id));
      return account?.thumbprint === thumbprint ? account : undefined;
    },
    async replace(before, after) {
      const change = await accounts.replacement(idKey(before.id), before, after);
      if (before.thumbprint === after.thumbprint) {
        const changed = await table.transact([change]);
        return changed.ok ? changed : refuse('account-changed');
      }
      // The old key stays taken: it is no key for another account, since what it signed can be shown again.
      const moved = await table.transact([change, await keys.creation(thumbKey(after.thumbprint), { id: after.id })]);
      if (moved.ok) return accept(undefined);
      return refuse(
        (await keys.get(thumbKey(after.thumbprint))) === undefined ? 'account-changed' : 'account-key-taken',
      );
    },
  };
}
