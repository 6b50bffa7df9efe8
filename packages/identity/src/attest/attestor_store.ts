/**
 * Attestor instances in the table, each with a MAC: whoever can merely write the table cannot make the authority trust
 * another issuer. An item that does not carry its MAC is never used; it is reported and passed over.
 *
 * Cost: `get` one read; `create` and `delete` one conditional write.
 */
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock, Item, Key, Table } from '@postern/store';
import type { AttestorInput, AttestorInstance } from './attestor_instance.ts';

export interface AttestorStore {
  /** `input`: checked (`checkAttestorInput`). */
  create(input: AttestorInput): Promise<Result<AttestorInstance, 'attestor-exists'>>;
  /** `name`: untrusted. */
  get(name: string): Promise<AttestorInstance | undefined>;
  /** By name; a deployment has tens. */
  list(): Promise<readonly AttestorInstance[]>;
  /** Entries that name it stay, and are matched by nothing. */
  delete(name: string): Promise<Result<AttestorInstance, 'attestor-unknown'>>;
}

const PARTITION = 'attestor';
const NAME = /^[a-z0-9-]{1,63}$/;
const PAGE_LENGTH = 1000;

export function createAttestorStore(ports: {
  readonly table: Pick<Table, 'get' | 'query' | 'put' | 'delete'>;
  /** Key `entries`: who vouches for callers is as good as the entries that name it. */
  readonly mac: Mac;
  readonly clock: Clock;
  readonly onForged: (key: Key) => void;
}): AttestorStore {
  const { table, mac, clock, onForged } = ports;

  async function instanceOf(item: Item): Promise<AttestorInstance | undefined> {
    const { body, mac: tag } = item.attributes;
    const isGenuine = typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(macInput(body), tag));
    const instance = isGenuine ? (JSON.parse(body) as AttestorInstance) : undefined;
    // The name is inside of what is authenticated: an item that was moved is forged.
    if (instance?.name === item.sk) return instance;
    onForged({ pk: item.pk, sk: item.sk });
    return undefined;
  }

  async function get(name: string): Promise<AttestorInstance | undefined> {
    const item = NAME.test(name) ? await table.get({ pk: PARTITION, sk: name }) : undefined;
    return item && instanceOf(item);
  }

  return {
    get,
    async create(input) {
      const instance: AttestorInstance = { ...input, createdAtMs: clock.nowMs() };
      const body = canonicalJson(instance);
      const attributes = { body, mac: await mac.compute(macInput(body)) };
      const put = await table.put({ pk: PARTITION, sk: input.name, attributes }, { kind: 'absent' });
      return put.ok ? accept(instance) : refuse('attestor-exists');
    },
    async list() {
      const instances: AttestorInstance[] = [];
      let after: string | undefined;
      do {
        const page = await table.query({ pk: PARTITION, after, limit: PAGE_LENGTH });
        for (const item of page.items) {
          const instance = await instanceOf(item);
          if (instance !== undefined) instances.push(instance);
        }
        after = page.next;
      } while (after !== undefined);
      return instances;
    },
    async delete(name) {
      const instance = await get(name);
      if (instance === undefined) return refuse('attestor-unknown');
      const deleted = await table.delete({ pk: PARTITION, sk: name }, { kind: 'present' });
      return deleted.ok ? accept(instance) : refuse('attestor-unknown');
    },
  };
}

function macInput(body: string): Uint8Array {
  return Buffer.from(`${PARTITION}\u0000${body}`);
}
