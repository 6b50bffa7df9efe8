/** What follows from revocations, on stores in memory and an issuer of its own; every call of the table and each use of the key is counted. */
import {
  certifyIssuer,
  createIssuedIndex,
  createListSlots,
  createRootCertificate,
  createSealedItems,
  type ListPartition,
  listKey,
  readOwnCertificate,
} from '@postern/ca';
import { type RevocationList, readRevocationList } from '@postern/ca/revocation-list';
import { createFeedLog, type RevocationFact } from '@postern/feed';
import { createSoftwareMac, generateSoftwareSigner, type Signer, SignerUnavailable } from '@postern/keys';
import { parseTrustDomain } from '@postern/spiffe';
import type { Key, Table } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock, failingTable, type TableCall } from '@postern/store/testing';
import { createListKeeper } from '../revocation_lists.ts';
import { createRevocations } from '../revocations.ts';

export const AGENT = 'spiffe://demo.test/postern/agent/node-1';
const HOUR_MS = 3_600_000;
const ENTRY_LIFE_MS = 72 * HOUR_MS;

export type RevocationWorld = Awaited<ReturnType<typeof createRevocationWorld>>;

/** `beneath`: stands between the functions and the table, for a test that meddles with it. */
export async function createRevocationWorld(beneath: (table: Table) => Table = (table) => table) {
  const clock = createManualClock();
  const trustDomain = parseTrustDomain('demo.test');
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const calls: TableCall[] = [];
  const stored = createMemoryTable({ clock });
  const table = failingTable(beneath(stored), (call) => {
    calls.push(call);
    return false;
  });
  const mac = createSoftwareMac('facts', new Uint8Array(32).fill(1));
  const forged: Key[] = [];
  const turnedBack: string[] = [];
  const onForged = (key: Key) => void forged.push(key);

  const rootSigner = generateSoftwareSigner('ES384');
  const names = { trustDomain: trustDomain.value, nowMs: clock.nowMs() };
  const root = readOwnCertificate(await createRootCertificate({ signer: rootSigner, ...names }));
  const key = generateSoftwareSigner('ES256');
  const lifeSeconds = 14 * 24 * 3600;
  const issuer = readOwnCertificate(await certifyIssuer({ rootSigner, root, spki: key.spki, lifeSeconds, ...names }));
  const issuerKeyId = issuer.subjectKeyId as string;
  const state = { isKeyAway: false, tries: 0, signs: 0, asked: [] as string[] };
  const signer: Signer = {
    ...key,
    async sign(message) {
      state.tries += 1;
      if (state.isKeyAway) throw new SignerUnavailable('told to be away');
      state.signs += 1;
      return key.sign(message);
    },
  };

  const feedLog = createFeedLog({ table, mac });
  await feedLog.open('epoch');
  const issued = createIssuedIndex({ table, mac, onForged });
  const distributionPoint = ({ number }: ListPartition) => `https://demo.test/v1/crl/${issuerKeyId}/${number}`;
  const slots = createListSlots({ table, mac, clock, onForged, distributionPoint });
  const start = () =>
    createRevocations({
      ...{ table, feedLog, issued, slots, clock },
      sealed: createSealedItems(mac, onForged),
      keepList: createListKeeper({
        ...{ table, slots, clock, record: async () => {} },
        onTurnedBack: (list) => turnedBack.push(list),
      }),
      async issuerOf(keyId) {
        state.asked.push(keyId);
        return keyId === issuerKeyId ? { certificate: issuer, signer: async () => signer } : undefined;
      },
    });

  const own = start();
  let serials = 0;
  return {
    ...{ clock, stored, table, calls, forged, turnedBack, state, feedLog, slots, issuerKeyId, issuer },
    ...{ run: own.apply, openList: own.openList },
    /** Another process. */
    start,
    /** Answers its serial. `isListed`: it has a slot of a partition. */
    async issue(entryId: string, isListed = false): Promise<string> {
      const serial = `4${(++serials).toString(16).padStart(31, '0')}`;
      const life = { notBeforeMs: clock.nowMs() - 60_000, notAfterMs: clock.nowMs() + ENTRY_LIFE_MS };
      const svid = { serial, spiffeId: 'spiffe://demo.test/a', requester: AGENT, entryId, ...life };
      await issued.note(svid);
      if (isListed) await slots.assign(issuerKeyId, svid);
      return serial;
    },
    async revoke(subject: string, members: Partial<RevocationFact> = {}): Promise<void> {
      const nowMs = clock.nowMs();
      const appended = await feedLog.append([
        {
          kind: 'revocation',
          subject,
          observedAtMs: nowMs,
          notBeforeMs: nowMs,
          expiresAtMs: nowMs + 30 * 24 * HOUR_MS,
          reason: 'test',
          ...members,
        },
      ]);
      if (!appended.ok) throw new Error(appended.reason);
    },
    async list(number: number): Promise<(RevocationList & { readonly bytes: number }) | undefined> {
      const der = (await stored.get(listKey({ issuerKeyId, number })))?.attributes['der'];
      const list = der instanceof Uint8Array ? readRevocationList(der) : undefined;
      return list && { ...list, bytes: (der as Uint8Array).length };
    },
    async isRevoked(serial: string): Promise<boolean> {
      const fact = await feedLog.latest('revocation', `svid:${serial}`);
      return fact !== undefined && fact.expiresAtMs > clock.nowMs();
    },
    /** How often the table was asked for what begins so, since the last time. */
    countCalls(operation: keyof Table, pk: string): number {
      return calls.filter((call) => call.operation === operation && call.pks.some((it) => it.startsWith(pk))).length;
    },
  };
}
