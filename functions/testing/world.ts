/** A whole control plane in a folder of its own, with a clock that the test moves and stores and keys that fail when told to. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATHS } from '@postern/api';
import {
  type AuditRecord,
  listRecords,
  type RecordBody,
  type TrailExport,
  type TrailReport,
  verifyTrail,
} from '@postern/audit';
import { type KeyRing, openSoftwareKeyRing, type Signer, SignerUnavailable, type SigningKeyName } from '@postern/keys';
import type { Objects, Table } from '@postern/store';
import { openSqliteObjects, openSqliteTable } from '@postern/store/embedded';
import {
  createManualClock,
  type Fault,
  failingObjects,
  failingTable,
  type ManualClock,
  type ObjectsCall,
  type TableCall,
} from '@postern/store/testing';
import { type LocalControlPlane, startLocal } from '../local.ts';

export const TRUST_DOMAIN = 'demo.test';

/** Some kinds share a type. */
type RecordOf<K, Any = AuditRecord> = Any extends { readonly kind: infer Kinds }
  ? K extends Kinds
    ? Any
    : never
  : never;

/** What fails from now on; nothing while a member is absent. */
export interface Faults {
  table?: (call: TableCall) => Fault | boolean;
  objects?: (call: ObjectsCall) => Fault | boolean;
  signers?: (name: SigningKeyName) => boolean;
  mac?: boolean;
}

/** What was done to stores and with keys, apart from records and spent proofs. */
export interface Effects {
  readonly writes: readonly string[];
  readonly objects: readonly string[];
  readonly signs: readonly string[];
}

export interface World extends LocalControlPlane {
  readonly dir: string;
  readonly clock: ManualClock;
  readonly faults: Faults;
  /** Beneath the faults. */
  readonly table: Table;
  readonly objects: Objects;
  readonly logs: readonly { readonly level: string; readonly event: string; readonly [field: string]: unknown }[];
  readonly administratorToken: string;
  /** A call with the administrator's token, unless `headers` say otherwise. */
  admin(method: string, path: string, body?: unknown, headers?: { readonly [name: string]: string }): Promise<Response>;
  /** Of a kind, newest first. */
  records<K extends RecordBody['kind']>(kind: K): Promise<readonly RecordOf<K>[]>;
  /** Waits for a record: refusals are recorded beside the answer. */
  recordOf<K extends RecordBody['kind']>(
    kind: K,
    isIt: (record: RecordOf<K>) => boolean,
  ): Promise<RecordOf<K> | undefined>;
  effects(): Effects;
  exportTrail(): Promise<TrailExport>;
  verify(): Promise<TrailReport>;
  /** Stops it, and its stores; the folder stays. */
  stop(): Promise<void>;
  /** Ends it as a crash does: what is not on disk by now is lost. */
  crash(): Promise<void>;
  /** Stops it and removes the folder. */
  remove(): Promise<void>;
}

const WAIT_MS = 3000;
/** The trail and its index, and proofs that were spent. */
const BESIDE = /^(?:trail|record-|proof#)/;

export async function startWorld(
  options: { readonly dir?: string; readonly clock?: ManualClock; readonly trustDomain?: string } = {},
): Promise<World> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'postern-functions-'));
  const clock = options.clock ?? createManualClock();
  const faults: Faults = {};
  const logs: World['logs'][number][] = [];
  const [writes, written, signs]: string[][] = [[], [], []] as [string[], string[], string[]];

  const opened = openSqliteTable(join(dir, 'table.db'), { clock });
  const table = failingTable(opened.table, (call) => {
    const fault = faults.table?.(call) ?? 'none';
    if (fault !== true && fault !== 'before' && !['get', 'query'].includes(call.operation))
      writes.push(...call.pks.filter((pk) => !BESIDE.test(pk)));
    return fault;
  });
  const stored = openSqliteObjects(join(dir, 'objects.db'));
  const objects = failingObjects(stored.objects, (call) => {
    const fault = faults.objects?.(call) ?? 'none';
    if (fault !== true && fault !== 'before' && call.operation === 'putIfAbsent' && !call.name.startsWith('segments/'))
      written.push(call.name);
    return fault;
  });
  const keys = failingKeys(openSoftwareKeyRing(join(dir, 'keys')), faults, (name) => signs.push(name));

  const log = (level: string, event: string, fields = {}) => void logs.push({ level, event, ...fields });
  const { trustDomain = TRUST_DOMAIN } = options;
  const places = { dir, trustDomain, port: 0, authorizePort: 0 };
  const local = await startLocal({ ...places, clock, log, adapters: { table, objects, keys } });
  const administratorToken = readFileSync(local.administratorTokenFile, 'utf8').trim();

  async function records<K extends RecordBody['kind']>(kind: K) {
    const page = await listRecords(opened.table, { kind, limit: 1000 }, clock.nowMs());
    return page.records as readonly RecordOf<K>[];
  }

  async function exportTrail(): Promise<TrailExport> {
    const segments: TrailExport['segments'][number][] = [];
    let producers: TrailExport['producers'] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const response = await world.admin('GET', `${PATHS.admin.trail}?after=${after}`);
      const page = (await response.json()) as TrailExport & { next?: number };
      if (segments.length === 0) producers = page.producers;
      segments.push(...page.segments);
      after = page.next;
    }
    return { producers, segments };
  }

  const world: World = {
    ...local,
    dir,
    clock,
    faults,
    table: opened.table,
    objects: stored.objects,
    logs,
    administratorToken,
    admin: (method, path, body, headers = { authorization: `Bearer ${administratorToken}` }) =>
      fetch(local.url + path, { method, headers, body: body === undefined ? null : bodyOf(body) }),
    records,
    async recordOf(kind, isIt) {
      for (const until = performance.now() + WAIT_MS; performance.now() < until; ) {
        const found = (await records(kind)).find(isIt);
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return undefined;
    },
    effects: () => ({ writes: [...writes], objects: [...written], signs: [...signs] }),
    exportTrail,
    verify: async () => verifyTrail(await exportTrail(), local.trust.assertionKeys),
    async stop() {
      await local.stop();
      opened.close();
      stored.close();
    },
    async crash() {
      faults.table = () => true;
      faults.objects = () => true;
      await local.stop().catch(() => undefined);
      opened.close();
      stored.close();
    },
    async remove() {
      for (const member of Object.keys(faults)) delete faults[member as keyof Faults];
      await world.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return world;
}

/** Text and bytes go as they are. */
function bodyOf(body: unknown): string | Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return body;
  return body instanceof Uint8Array ? Uint8Array.from(body) : JSON.stringify(body);
}

function failingKeys(keys: KeyRing, faults: Faults, signed: (name: SigningKeyName) => void): KeyRing {
  return {
    async signer(name, generation) {
      const signer = await keys.signer(name, generation);
      const guarded: Signer = {
        ...signer,
        async sign(message) {
          if (faults.signers?.(name) === true) throw new SignerUnavailable('told to fail');
          signed(name);
          return signer.sign(message);
        },
      };
      return guarded;
    },
    publicKey: keys.publicKey,
    create: keys.create,
    async mac(name) {
      const mac = await keys.mac(name);
      const check = () => {
        if (faults.mac === true) throw new SignerUnavailable('told to fail');
      };
      return {
        keyId: mac.keyId,
        async compute(message) {
          check();
          return mac.compute(message);
        },
        async verify(message, tag) {
          check();
          return mac.verify(message, tag);
        },
      };
    },
  };
}
