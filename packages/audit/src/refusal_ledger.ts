/**
 * Records refusals without letting whoever is refused fill the trail: the first of a kind at once, its repeats as a count
 * when the window is over. At most `MAX_KINDS` kinds are told apart at a time; what is beyond is counted together.
 */
import type { RecordBody } from './record.ts';

export interface Refusal {
  readonly door: string;
  readonly reason: string;
  /** As far as it is known; never text that a caller chose and nobody vouched for. */
  readonly caller?: string | undefined;
}

export interface RefusalLedger {
  /** The first of its kind in this window is written at once, a repeat is counted. */
  record(refusal: Refusal): void;
  /** For callers that write the first of its kind themselves: false for that one; a repeat is counted, and true. */
  countRepeat(refusal: Refusal): boolean;
  /** Writes the counts that are due. */
  flush(): Promise<void>;
  /** Resolves when every record begun so far is written, or has failed. */
  settle(): Promise<void>;
}

export const REFUSAL_WINDOW_MS = 10_000;
const MAX_KINDS = 1000;

export function createRefusalLedger(ports: {
  readonly append: (body: RecordBody) => Promise<unknown>;
  readonly onFault: (fault: unknown) => void;
}): RefusalLedger {
  const counts = new Map<string, { readonly refusal: Refusal; count: number }>();
  let timer: NodeJS.Timeout | undefined;

  const underWay = new Set<Promise<unknown>>();

  function write(refusal: Refusal, count: number): Promise<unknown> {
    const writing = ports.append({ kind: 'refusal', ...refusal, count }).catch(ports.onFault);
    underWay.add(writing);
    return writing.finally(() => underWay.delete(writing));
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const due = [...counts.values()].filter(({ count }) => count > 0);
    counts.clear();
    for (const { refusal, count } of due) await write(refusal, count);
  }

  function countRepeat(refusal: Refusal): boolean {
    timer ??= setTimeout(() => void flush(), REFUSAL_WINDOW_MS).unref();
    const key = JSON.stringify([refusal.door, refusal.reason, refusal.caller]);
    const known = counts.get(key);
    if (known !== undefined) {
      known.count += 1;
      return true;
    }
    if (counts.size < MAX_KINDS) {
      counts.set(key, { refusal, count: 0 });
      return false;
    }
    const others = counts.get('') ?? { refusal: { door: 'any', reason: 'refusals-of-many-kinds' }, count: 0 };
    others.count += 1;
    counts.set('', others);
    return true;
  }

  return {
    flush,
    settle: async () => void (await Promise.all(underWay)),
    countRepeat,
    record(refusal) {
      if (!countRepeat(refusal)) void write(refusal, 1);
    },
  };
}
