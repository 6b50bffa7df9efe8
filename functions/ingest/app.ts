/** The ingest door: agents hand over their audit segments; what is acknowledged is durable. */
import { PATHS } from '@postern/api';
import { MAX_SEGMENT_BYTES, type Trail } from '@postern/audit';
import { isPublicSigningKey } from '@postern/keys';
import type { Hono } from 'hono';
import { type Agent, type AuthenticateAgent, createDoor, type DoorPorts, type DoorRefusal } from '../door/door.ts';
import { checkShape, listOf, mapOf, text } from '../door/shape.ts';
import type { Certifier } from '../rotate/certifier.ts';

export interface IngestPorts extends DoorPorts {
  readonly authenticate: AuthenticateAgent;
  readonly trail: Trail;
  readonly certifyProducer: Certifier['certifyProducer'];
}

const MAX_SEGMENTS = 64;
const MAX_PRODUCER_LENGTH = 300;

export function createIngestApp(ports: IngestPorts): Hono {
  const door = createDoor('ingest', ports);
  door.agent(
    ports.authenticate,
    'POST',
    PATHS.segments,
    MAX_SEGMENTS * MAX_SEGMENT_BYTES,
    async (context, agent, body) => {
      const request = checkShape(body, {
        producer: text(MAX_PRODUCER_LENGTH),
        key: mapOf(text(512), 8),
        segments: listOf(text(MAX_SEGMENT_BYTES), MAX_SEGMENTS),
      });
      if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
      const { producer, key, segments } = request.value;
      const opened = await openProducer(producer, key, agent);
      if (opened !== undefined) return opened;
      let acknowledged = 0;
      for (const jws of segments) {
        const taken = await ports.trail.ingest(producer, jws);
        if (!taken.ok) {
          // What came before is taken: the answer says how far, and the agent's next call meets the reason again.
          if (acknowledged > 0) break;
          return { refused: taken.reason === 'trail-busy' ? 'unavailable' : 'conflict', reason: taken.reason };
        }
        acknowledged = taken.value;
      }
      return context.json({ acknowledged });
    },
  );

  /** On its first call a producer's key is certified: the agent proved who it is, and its producers bear its name. */
  async function openProducer(
    producer: string,
    key: { readonly [name: string]: string },
    agent: Agent,
  ): Promise<DoorRefusal | undefined> {
    if (!producer.startsWith(`${agent.spiffeId}#`)) return { refused: 'not-permitted', reason: 'producer-of-another' };
    if ((await ports.trail.producer(producer)) !== undefined) return undefined;
    if (!isPublicSigningKey(key, 'ES256')) return { refused: 'malformed-request', reason: 'producer-key' };
    const opening = { producer, key, owner: agent.spiffeId };
    const certificate = await ports.certifyProducer(opening);
    const opened = await ports.trail.openProducer({ ...opening, certificate });
    if (opened.ok) return undefined;
    return { refused: opened.reason === 'producer-taken' ? 'conflict' : 'malformed-request', reason: opened.reason };
  }

  return door.app;
}
