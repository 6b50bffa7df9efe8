/**
 * Federation relationships in the table, each with a MAC: whoever can merely write the table cannot make us believe
 * another trust domain, nor fetch one's bundle from elsewhere. An item that does not carry its MAC is never used; it is
 * reported and passed over.
 *
 * Cost: `get` one read; `create` and `delete` one conditional write; `list` one query a page.
 */
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { parseTrustDomain } from '@postern/spiffe';
import type { Clock, Item, Key, Table } from '@postern/store';
import type { FederationInput, FederationRelationship } from './relationship.ts';

export interface FederationStore {
  /** `input`: checked (`checkFederationInput`). One relationship for each trust domain. */
  create(input: FederationInput): Promise<Result<FederationRelationship, 'federation-exists'>>;
  /** `trustDomain`: untrusted. */
  get(trustDomain: string): Promise<FederationRelationship | undefined>;
  /** By trust domain; a deployment has tens. */
  list(): Promise<readonly FederationRelationship[]>;
  delete(trustDomain: string): Promise<Result<FederationRelationship, 'federation-unknown'>>;
}

const PARTITION = 'federation';
const PAGE_LENGTH = 100;

export function createFederationStore(ports: {
  readonly table: Pick<Table, 'get' | 'query' | 'put' | 'delete'>;
  /** Key `facts`: who holds it writes trust bundles as it is. */
  readonly mac: Mac;
  readonly clock: Clock;
  readonly onForged: (key: Key) => void;
}): FederationStore {
  const { table, mac, clock, onForged } = ports;

  async function relationshipOf(item: Item): Promise<FederationRelationship | undefined> {
    const { body, mac: tag } = item.attributes;
    const isGenuine = typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(macInput(body), tag));
    const relationship = isGenuine ? (JSON.parse(body) as FederationRelationship) : undefined;
    // The name is inside of what is authenticated: an item that was moved is forged.
    if (relationship?.trustDomain === item.sk) return relationship;
    onForged({ pk: item.pk, sk: item.sk });
    return undefined;
  }

  async function get(trustDomain: string): Promise<FederationRelationship | undefined> {
    if (!parseTrustDomain(trustDomain).ok) return undefined;
    const item = await table.get({ pk: PARTITION, sk: trustDomain });
    return item && relationshipOf(item);
  }

  return {
    get,
    async create(input) {
      const relationship: FederationRelationship = { ...input, createdAtMs: clock.nowMs() };
      const body = canonicalJson(relationship);
      const attributes = { body, mac: await mac.compute(macInput(body)) };
      const put = await table.put({ pk: PARTITION, sk: input.trustDomain, attributes }, { kind: 'absent' });
      return put.ok ? accept(relationship) : refuse('federation-exists');
    },
    async list() {
      const relationships: FederationRelationship[] = [];
      let after: string | undefined;
      do {
        const page = await table.query({ pk: PARTITION, after, limit: PAGE_LENGTH });
        for (const item of page.items) {
          const relationship = await relationshipOf(item);
          if (relationship !== undefined) relationships.push(relationship);
        }
        after = page.next;
      } while (after !== undefined);
      return relationships;
    },
    async delete(trustDomain) {
      const relationship = await get(trustDomain);
      if (relationship === undefined) return refuse('federation-unknown');
      const deleted = await table.delete({ pk: PARTITION, sk: trustDomain }, { kind: 'present' });
      return deleted.ok ? accept(relationship) : refuse('federation-unknown');
    },
  };
}

function macInput(body: string): Uint8Array {
  return Buffer.from(`${PARTITION}\u0000${body}`);
}
