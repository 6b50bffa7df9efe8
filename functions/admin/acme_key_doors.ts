/** Keys with which an ACME client makes an account for a registration entry. */
import {
  type AcmeKeyStore,
  createAcmeUrls,
  isFitForAcme,
  isKnownByAcme,
  MAX_ACME_KEY_TTL_SECONDS,
  MAX_ACME_KEYS,
} from '@postern/acme';
import { type AcmeKeyAnswer, type AcmeKeysAnswer, type CreatedAcmeKeyAnswer, PATHS } from '@postern/api';
import type { EntryStore } from '@postern/ca';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import type { Door } from '../door/door.ts';
import { checkShape, integer, optional, text } from '../door/shape.ts';

export interface AcmeKeyDoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly entries: Pick<EntryStore, 'get'>;
  readonly acmeKeys: AcmeKeyStore;
  /** Origin that ACME clients are led to. */
  readonly acmeUrl: string;
  readonly recordIntent: (action: string, subject: string, by: Administrator) => Promise<void>;
}

const MAX_BODY_BYTES = 4096;
const DEFAULT_TTL_SECONDS = 24 * 60 * 60;
const REQUEST = { entryId: text(64), ttlSeconds: optional(integer(60, MAX_ACME_KEY_TTL_SECONDS)) };

export function mountAcmeKeyDoors(door: Pick<Door, 'administrator'>, ports: AcmeKeyDoorPorts): void {
  const { verifyAdministrator: verify, entries, acmeKeys, recordIntent } = ports;
  const path = PATHS.admin.acmeKeys;

  door.administrator(verify, 'acme-keys:write', 'POST', path, MAX_BODY_BYTES, async (context, by, body) => {
    const request = checkShape(body, REQUEST);
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
    const { entryId, ttlSeconds = DEFAULT_TTL_SECONDS } = request.value;
    const entry = await entries.get(entryId);
    if (entry === undefined) return { refused: 'not-found', reason: 'entry-unknown', detail: 'no entry has this id' };
    if (!isFitForAcme(entry)) {
      const detail = 'ACME needs an entry with DNS names, and neither they nor its SPIFFE ID are templates';
      return { refused: 'conflict', reason: 'entry-unfit', detail };
    }
    if ((await acmeKeys.list()).length >= MAX_ACME_KEYS) return { refused: 'conflict', reason: 'acme-keys-too-many' };
    await recordIntent('acme-key-create', `${entryId} ${entry.spiffeId}`, by);
    const { key, secret } = await acmeKeys.create(entryId, ttlSeconds);
    const answer: CreatedAcmeKeyAnswer = {
      ...{ id: key.id, entryId, createdAtMs: key.createdAtMs, usableUntilMs: key.usableUntilMs, isUsed: false },
      ...{ hmacKey: secret, directory: createAcmeUrls(ports.acmeUrl).directory },
      ...{ spiffeId: entry.spiffeId, dnsNames: entry.dnsNames, isSvid: isKnownByAcme(entry) },
    };
    return context.json(answer, 201, { 'cache-control': 'no-store' });
  });

  door.administrator(verify, 'acme-keys:read', 'GET', path, 0, async (context) => {
    const keys = (await acmeKeys.list()).map(
      ({ id, entryId, createdAtMs, usableUntilMs, usedBy }): AcmeKeyAnswer => ({
        ...{ id, entryId, createdAtMs, usableUntilMs },
        isUsed: usedBy !== undefined,
      }),
    );
    return context.json({ keys } satisfies AcmeKeysAnswer);
  });

  door.administrator(verify, 'acme-keys:write', 'DELETE', PATHS.admin.acmeKey(':id'), 0, async (context, by) => {
    const key = await acmeKeys.get(context.req.param('id') ?? '');
    if (key === undefined) return { refused: 'not-found', reason: 'acme-key-unknown' };
    await recordIntent('acme-key-delete', `${key.id} ${key.entryId}`, by);
    const deleted = await acmeKeys.delete(key.id);
    if (!deleted.ok) return { refused: 'not-found', reason: deleted.reason };
    return context.json({ id: key.id, entryId: key.entryId });
  });
}
