/**
 * A function's records: a strict producer of its own, vouched for by `rotate`, opened with the first record; and the
 * refusals of its doors, counted so that nobody fills the trail by being refused.
 */

import { randomBytes } from 'node:crypto';
import {
  createProducer,
  createRefusalLedger,
  createTrail,
  type Producer,
  type RecordBody,
  type RefusalLedger,
  type Trail,
} from '@postern/audit';
import { createDecisionIds } from '@postern/broker';
import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { StoreUnavailable } from '@postern/store';
import type { FunctionName } from './access.ts';
import type { DoorPorts } from './door/door.ts';
import { once } from './once.ts';
import { describeFault, type FunctionPorts } from './ports.ts';
import type { OpenFunction } from './served.ts';

export interface Recorder {
  readonly trail: Trail;
  /** Durable when it resolves. `id`: of a decision. */
  record(body: RecordBody, id?: string): Promise<void>;
  readonly refusals: RefusalLedger;
  readonly doorPorts: DoorPorts;
  /** UUIDv7. */
  createId(): string;
  onFault(fault: unknown): void;
  readonly lifecycle: Pick<OpenFunction, 'warmUp' | 'settle' | 'close'>;
}

export function createRecorder(name: FunctionName, ports: Omit<FunctionPorts, 'trustDomain' | 'keys'>): Recorder {
  const { clock, log } = ports;
  const trail = createTrail(ports);
  const nextId = createDecisionIds(randomBytes);
  const createId = () => nextId(clock.nowMs());
  const onFault = (fault: unknown) => log('error', 'function-fault', { function: name, error: describeFault(fault) });
  let opened: Producer | undefined;
  const producer = once(async () => {
    opened = await openProducer(name, { ...ports, trail, createId });
    return opened;
  });
  const record = async (body: RecordBody, id?: string) => void (await (await producer()).append(body, id));
  const refusals = createRefusalLedger({ append: recordRefusal, onFault });

  /** Nobody opens a producer by being refused, and so a strangers' burst on fresh instances uses no key and stores nothing. */
  async function recordRefusal(body: RecordBody): Promise<void> {
    const isStrangers = body.kind === 'refusal' && body.caller === undefined;
    if (opened !== undefined || !isStrangers) return record(body);
    const { door, reason, count } = body;
    log('warn', 'refusal', { function: name, door, reason, count });
  }
  return {
    trail,
    record,
    refusals,
    doorPorts: {
      recordRefusal: refusals.record,
      log: ({ instance, door, error }) => log('error', 'door-fault', { instance, door, error: describeFault(error) }),
    },
    createId,
    onFault,
    lifecycle: {
      warmUp: () => producer().then(() => undefined, onFault),
      settle: refusals.settle,
      async close() {
        await refusals.flush();
        await refusals.settle();
        await opened?.close();
      },
    },
  };
}

async function openProducer(
  name: FunctionName,
  ports: Pick<FunctionPorts, 'certifier' | 'clock'> & { readonly trail: Trail; readonly createId: () => string },
): Promise<Producer> {
  const { trail, certifier, clock, createId } = ports;
  const signer = generateSoftwareSigner('ES256');
  const id = `function:${name}#${createId()}`;
  const opening = { producer: id, key: jwkFromSpki(signer.spki), owner: name };
  const certificate = await certifier.certifyProducer(opening);
  const opened = await trail.openProducer({ ...opening, certificate });
  if (!opened.ok) throw new Error(`the producer of \`${name}\` was not opened: ${opened.reason}`);
  const sink = {
    async write({ jws }: { readonly jws: string }) {
      const taken = await trail.ingest(id, jws);
      if (!taken.ok) throw new StoreUnavailable(`a record was not taken: ${taken.reason}`);
    },
  };
  return createProducer({ id, signer, sink, clock, mode: 'strict', createId });
}
