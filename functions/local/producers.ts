/** A strict producer of audit records for each function, vouched for by the assertion key. */
import { certifyProducer, createProducer, type Producer, type RecordBody, type Trail } from '@postern/audit';
import { generateSoftwareSigner, jwkFromSpki, type Signer } from '@postern/keys';
import { type Clock, StoreUnavailable } from '@postern/store';
import type { Shutdown } from './shutdown.ts';

const FUNCTIONS = ['issue', 'rotate', 'publish', 'signals', 'admin', 'authorize'] as const;
type FunctionName = (typeof FUNCTIONS)[number];

/** A record is durable when this resolves. `id`: of a decision. */
export type RecordBy = (name: FunctionName) => (body: RecordBody, id?: string) => Promise<void>;

export async function openFunctionProducers(ports: ProducerPorts & { readonly shutdown: Shutdown }): Promise<RecordBy> {
  const producers = new Map<FunctionName, Producer>();
  for (const name of FUNCTIONS) {
    const producer = await openFunctionProducer(name, ports);
    ports.shutdown.add(() => producer.close());
    producers.set(name, producer);
  }
  return (name) => async (body, id) => void (await (producers.get(name) as Producer).append(body, id));
}

interface ProducerPorts {
  readonly trail: Trail;
  readonly assertionSigner: Signer;
  readonly clock: Clock;
  readonly createId: () => string;
}

async function openFunctionProducer(name: FunctionName, ports: ProducerPorts): Promise<Producer> {
  const { trail, clock, createId } = ports;
  const signer = generateSoftwareSigner('ES256');
  const id = `function:${name}#${createId()}`;
  const key = jwkFromSpki(signer.spki);
  const opening = { producer: id, jwk: key, owner: name, atMs: clock.nowMs() };
  const certificate = await certifyProducer(opening, ports.assertionSigner);
  const opened = await trail.openProducer({ producer: id, certificate, key, owner: name });
  if (!opened.ok) throw new Error(`the producer of \`${name}\` was not opened: ${opened.reason}`);
  const sink = {
    async write({ jws }: { readonly jws: string }) {
      const taken = await trail.ingest(id, jws);
      if (!taken.ok) throw new StoreUnavailable(`a record was not taken: ${taken.reason}`);
    },
  };
  return createProducer({ id, signer, sink, clock, mode: 'strict', createId });
}
