/**
 * Which certificates a revocation list covers. Each certificate that needs one takes a slot of a partition before it is
 * signed; a partition has a thousand slots, so no list ever has more entries, whatever is revoked. A slot is taken once:
 * whoever turns the count back makes us meet taken slots, and nothing is issued.
 */
import type { Mac } from '@postern/keys';
import { type Clock, type Key, StoreUnavailable, type Table } from '@postern/store';
import { MAX_LISTED_SECONDS } from '../profile.ts';
import { createSealedItems } from './sealed_item.ts';

export const MAX_LIST_SLOTS = 1000;
/** Lists are good for a day, and appear twice in it: an entry is in one after its certificate ended, even after days of outage. */
export const LIST_LIFE_MS = 24 * 60 * 60 * 1000;
const KEEP_MS = 7 * LIST_LIFE_MS;

export interface ListPartition {
  /** Hex subject key id. */
  readonly issuerKeyId: string;
  readonly number: number;
}

export interface ListedCertificate {
  readonly serial: string;
  readonly spiffeId: string;
  readonly requester: string;
  readonly entryId?: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** URI that the certificate carries. */
  readonly distributionPoint: string;
}

export interface ListSlots {
  /**
   * Answers the distribution point that the certificate is to carry; its list is there when this resolves. Cost: a count
   * and a write, and of each thousand one list. Throws `StoreUnavailable` where no slot is to be had.
   */
  assign(issuerKeyId: string, certificate: Omit<ListedCertificate, 'distributionPoint'>): Promise<string>;
  /** Those that certificates were put into; what carries no MAC is none. One query a thousand. */
  partitions(): Promise<readonly ListPartition[]>;
  /** At most `MAX_LIST_SLOTS`. */
  certificates(partition: ListPartition): Promise<readonly ListedCertificate[]>;
}

const PARTITIONS = 'list-partition';
const digits = (value: number, length: number) => String(value).padStart(length, '0');

/** Where the list of a partition is kept. */
export const listKey = (partition: ListPartition): Key => ({ pk: 'revocation-list', sk: nameOf(partition) });
const partitionKey = (partition: ListPartition): Key => ({ pk: PARTITIONS, sk: nameOf(partition) });
const nameOf = ({ issuerKeyId, number }: ListPartition) => `${issuerKeyId}#${digits(number, 9)}`;
const slotsKey = ({ issuerKeyId, number }: ListPartition) => `list-slot#${issuerKeyId}#${digits(number, 9)}`;

const SLOT = /^\d{3}$/;

/** Somebody else took it, or turned the count back. */
const MAX_TRIES = 8;
/** A thousand million lists: whoever turned the count further than any issuer gets stops issuing, and fills no list. */
const MAX_PARTITIONS = 1e9;
/** A partition is entered anew this often while certificates are put into it. */
const REMEMBER_MS = 60 * 60 * 1000;

export function createListSlots(ports: {
  readonly table: Table;
  readonly mac: Mac;
  readonly clock: Clock;
  readonly onForged: (key: Key) => void;
  /** Of whoever assigns: the URI of a partition's list. */
  readonly distributionPoint?: (partition: ListPartition) => string;
  /** Of whoever assigns: has the first list of a partition made. */
  readonly open?: (partition: ListPartition) => Promise<unknown>;
}): ListSlots {
  const { table, clock } = ports;
  const sealed = createSealedItems(ports.mac, ports.onForged);
  const opened = new Map<string, number>();

  async function openOnce(partition: ListPartition): Promise<void> {
    const key = partitionKey(partition);
    const atMs = opened.get(key.sk);
    const nowMs = clock.nowMs();
    if (atMs !== undefined && nowMs - atMs < REMEMBER_MS) return;
    const endMs = nowMs + REMEMBER_MS + MAX_LISTED_SECONDS * 1000 + KEEP_MS;
    await table.put(await sealed.close(key, partition, Math.ceil(endMs / 1000)));
    await ports.open?.(partition);
    if (opened.size > 100) opened.clear();
    opened.set(key.sk, nowMs);
  }

  return {
    async assign(issuerKeyId, certificate) {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const counted = await table.update({ pk: 'list-count', sk: issuerKeyId, add: { count: 1 } });
        const count = counted.ok ? Number(counted.value.attributes['count']) - 1 : Number.NaN;
        const partition = { issuerKeyId, number: Math.floor(count / MAX_LIST_SLOTS) };
        if (!(partition.number >= 0 && partition.number < MAX_PARTITIONS && Number.isSafeInteger(count))) break;
        const distributionPoint = ports.distributionPoint?.(partition) ?? '';
        const key = { pk: slotsKey(partition), sk: digits(count % MAX_LIST_SLOTS, 3) };
        const expiresAtSeconds = Math.ceil((certificate.notAfterMs + KEEP_MS) / 1000);
        const slot = await sealed.close(key, { ...certificate, distributionPoint }, expiresAtSeconds);
        const taken = await table.put(slot, { kind: 'absent' });
        if (!taken.ok) continue;
        await openOnce(partition);
        return distributionPoint;
      }
      throw new StoreUnavailable('no place in a revocation list is to be had');
    },
    async partitions() {
      const partitions: ListPartition[] = [];
      for (let after: string | undefined, isMore = true; isMore; isMore = after !== undefined) {
        const page = await table.query({ pk: PARTITIONS, limit: 1000, ...(after !== undefined && { after }) });
        const read = await Promise.all(page.items.map((item) => sealed.open<ListPartition>(item)));
        partitions.push(...read.filter((it) => it !== undefined));
        after = page.next;
      }
      return partitions;
    },
    async certificates(partition) {
      const certificates: ListedCertificate[] = [];
      for (let after: string | undefined, isMore = true; isMore; isMore = after !== undefined) {
        const page = await table.query({ pk: slotsKey(partition), limit: 1000, ...(after !== undefined && { after }) });
        // Slots have three digits: what else is there was put there by somebody else.
        const items = page.items.filter(({ sk }) => SLOT.test(sk));
        const read = await Promise.all(items.map((item) => sealed.open<ListedCertificate>(item)));
        certificates.push(...read.filter((it) => it !== undefined));
        after = page.next;
      }
      return certificates;
    },
  };
}
