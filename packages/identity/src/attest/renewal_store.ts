/**
 * What a workload without an agent was attested as, kept by the serial of its SVID for as long as that lives: a renewal is
 * the same attestation again, matched with the entries of that moment. Each has a MAC: whoever can merely write the table
 * cannot say that something was verified.
 */

import type { Attestation } from '@postern/ca';
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import type { Key, Table } from '@postern/store';

export interface Renewal {
  readonly serial: string;
  readonly spiffeId: string;
  readonly entryId: string;
  /** Serial of the SVID that the attestation was issued; names the lineage. */
  readonly firstSerial: string;
  readonly attestation: Attestation;
  readonly attestedAtMs: number;
  /** End of the SVID. */
  readonly notAfterMs: number;
}

export interface RenewalStore {
  /** One write. */
  put(renewal: Renewal): Promise<void>;
  /** `serial`: of a verified SVID. One read. */
  get(serial: string): Promise<Renewal | undefined>;
}

const PARTITION = 'renewal';

/** As JSON: a map has no members there. */
type Stored = Omit<Renewal, 'attestation'> & {
  readonly attestation: Omit<Attestation, 'claims'> & { readonly claims: readonly (readonly [string, string])[] };
};

export function createRenewalStore(ports: {
  readonly table: Pick<Table, 'get' | 'put'>;
  /** Key `entries`. */
  readonly mac: Mac;
  readonly onForged: (key: Key) => void;
}): RenewalStore {
  const { table, mac, onForged } = ports;
  return {
    async put(renewal) {
      const { attestation } = renewal;
      const stored: Stored = { ...renewal, attestation: { ...attestation, claims: [...attestation.claims] } };
      const body = canonicalJson(stored);
      const attributes = { body, mac: await mac.compute(macInput(body)) };
      const expiresAtSeconds = Math.ceil(renewal.notAfterMs / 1000);
      await table.put({ pk: PARTITION, sk: renewal.serial, attributes, expiresAtSeconds });
    },
    async get(serial) {
      const key = { pk: PARTITION, sk: serial };
      const item = await table.get(key);
      if (item === undefined) return undefined;
      const { body, mac: tag } = item.attributes;
      const isGenuine =
        typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(macInput(body), tag));
      const stored = isGenuine ? (JSON.parse(body) as Stored) : undefined;
      if (stored?.serial === serial) {
        const { attestation } = stored;
        return { ...stored, attestation: { ...attestation, claims: new Map(attestation.claims) } };
      }
      onForged(key);
      return undefined;
    },
  };
}

function macInput(body: string): Uint8Array {
  return Buffer.from(`${PARTITION}\u0000${body}`);
}
