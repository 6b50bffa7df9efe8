/**
 * Spools of this agent's runs: one folder each. What an earlier run left behind (it was killed, or the control plane was
 * away) is sent under that run's own producer before its folder goes.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSpool, type Producer, type Spool } from '@postern/audit';

const PRODUCER_FILE = 'producer.json';

export interface RunSpool {
  readonly producer: Pick<Producer, 'id' | 'key'>;
  readonly spool: Spool;
  /** Once it is empty. */
  remove(): void;
}

/** `dir`: of all runs. The producer's public key is kept beside its segments: without it nobody could take them later. */
export function openRunSpool(
  dir: string,
  run: string,
  producer: Pick<Producer, 'id' | 'key'>,
  options: Parameters<typeof createSpool>[1],
): RunSpool {
  const path = join(dir, run);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(join(path, PRODUCER_FILE), JSON.stringify({ id: producer.id, key: producer.key }), {
    mode: 0o600,
    flush: true,
  });
  return {
    producer,
    spool: createSpool(path, options),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Every run but `current`, oldest first (run ids sort by time). */
export function leftoverRuns(dir: string, current: string, maxBytes: number): readonly RunSpool[] {
  return readdirSync(dir)
    .filter((run) => run !== current)
    .sort()
    .flatMap((run) => {
      const path = join(dir, run);
      const remove = () => rmSync(path, { recursive: true, force: true });
      const producer = readProducer(join(path, PRODUCER_FILE));
      if (producer !== undefined) return [{ producer, spool: createSpool(path, { maxBytes }), remove }];
      remove(); // ended before it recorded anything
      return [];
    });
}

function readProducer(path: string): RunSpool['producer'] | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunSpool['producer'];
  } catch {
    return undefined;
  }
}
