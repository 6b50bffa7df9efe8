/**
 * The records of one run of the agent: numbered and chained here, spooled to disk, shipped when the control plane is there;
 * beside them what earlier runs left on the disk.
 */
import { join } from 'node:path';
import { createProducer, type Producer } from '@postern/audit';
import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import type { Clock } from '@postern/store';
import type { ControlPlaneClient } from '../control_plane/client.ts';
import type { Log } from '../log.ts';
import { createPeriodic } from '../periodic.ts';
import { leftoverRuns, openRunSpool, type RunSpool } from './runs.ts';
import { createShipper } from './shipper.ts';

export const MAX_SPOOL_BYTES = 1024 * 1024 * 1024;
const LEFTOVER_MS = 10_000;

export interface AgentRecords {
  readonly producer: Producer;
  readonly spool: RunSpool['spool'];
  /** How many earlier runs are not shipped yet. */
  leftoverRuns(): number;
  /** Begins to ship. */
  start(): void;
  /** The last record is on the disk, and shipped where that is possible. */
  stop(): Promise<void>;
}

export function openRecords(ports: {
  /** Of the agent's state. */
  readonly dir: string;
  readonly spiffeId: string;
  readonly auditMode: 'strict' | 'batched';
  readonly createId: () => string;
  readonly client: ControlPlaneClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly onAcknowledged: NonNullable<Parameters<typeof createShipper>[0]['onAcknowledged']>;
}): AgentRecords {
  const { client, clock, log, createId } = ports;
  const run = createId();
  const spoolDir = join(ports.dir, 'spool');
  const signer = generateSoftwareSigner('ES256');
  const current = openRunSpool(
    spoolDir,
    run,
    { id: `${ports.spiffeId}#${run}`, key: jwkFromSpki(signer.spki) },
    // Batched records are a second away from the disk as it is: syncing each segment would cost more than deciding.
    { maxBytes: MAX_SPOOL_BYTES, survives: ports.auditMode === 'strict' ? 'power-cut' : 'process' },
  );
  const producer = createProducer({
    id: current.producer.id,
    signer,
    sink: current.spool,
    clock,
    mode: ports.auditMode,
    createId,
    onFault: (fault) => log('error', 'records-not-spooled', { error: (fault as Error).message }),
  });
  const shipper = createShipper({
    producer: current.producer,
    client,
    queue: current.spool,
    log,
    onAcknowledged: ports.onAcknowledged,
  });
  let leftover = [...leftoverRuns(spoolDir, run, MAX_SPOOL_BYTES)];
  const shipLeftover = createPeriodic('leftover-records', LEFTOVER_MS, log, async () => {
    for (const earlier of leftover) {
      if (!(await createShipper({ producer: earlier.producer, client, queue: earlier.spool, log }).ship())) return;
      earlier.remove();
      leftover = leftover.filter((other) => other !== earlier);
    }
  });
  return {
    producer,
    spool: current.spool,
    leftoverRuns: () => leftover.length,
    start() {
      shipper.start();
      shipLeftover.start();
    },
    async stop() {
      const closed = producer
        .close()
        .catch((fault: Error) => log('error', 'records-not-closed', { error: fault.message }));
      await Promise.all([shipLeftover.stop(), closed]);
      await shipper.stop();
    },
  };
}
