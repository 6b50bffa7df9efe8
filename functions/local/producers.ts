/** A strict producer of audit records for each function, vouched for by the assertion key. */
import { certifyProducer, createProducer, type Producer, type Trail } from '@postern/audit';
import { generateSoftwareSigner, jwkFromSpki, type Signer } from '@postern/keys';
import { type Clock, StoreUnavailable } from '@postern/store';

/** `name`: of the function. A record is durable when `append` resolves. */
export async function openFunctionProducer(ports: {
  readonly name: string;
  readonly trail: Trail;
  readonly assertionSigner: Signer;
  readonly clock: Clock;
  readonly createId: () => string;
}): Promise<Producer> {
  const { trail, clock, createId } = ports;
  const signer = generateSoftwareSigner('ES256');
  const id = `function:${ports.name}#${createId()}`;
  const key = jwkFromSpki(signer.spki);
  const certificate = await certifyProducer(
    { producer: id, jwk: key, owner: ports.name, atMs: clock.nowMs() },
    ports.assertionSigner,
  );
  await trail.openProducer({ producer: id, certificate, key, owner: ports.name });
  const sink = {
    async write({ jws }: { readonly jws: string }) {
      const taken = await trail.ingest(id, jws);
      if (!taken.ok) throw new StoreUnavailable(`a record was not taken: ${taken.reason}`);
    },
  };
  return createProducer({ id, signer, sink, clock, mode: 'strict', createId });
}
