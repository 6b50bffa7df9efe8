/**
 * Records refusals without letting whoever is refused fill the trail: the first of a kind at once, its repeats as a count
 * when the window is over. At most `MAX_KINDS` kinds are told apart at a time; what is beyond is counted together.
 */
import type { RecordBody } from '@postern/audit';
import type { RecordRefusal } from './door.ts';

const WINDOW_MS = 10_000;
const MAX_KINDS = 1000;

type Refusal = Parameters<RecordRefusal>[0];

export interface RefusalLedger {
  readonly record: RecordRefusal;
  /** Writes the counts that are due. */
  flush(): Promise<void>;
}

export function createRefusalLedger(ports: {
  readonly append: (body: RecordBody) => Promise<unknown>;
  readonly onFault: (fault: unknown) => void;
}): RefusalLedger {
  const counts = new Map<string, { readonly refusal: Refusal; count: number }>();
  let timer: NodeJS.Timeout | undefined;

  const write = (refusal: Refusal, count: number) =>
    ports.append({ kind: 'refusal', ...refusal, count }).catch(ports.onFault);

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const due = [...counts.values()].filter(({ count }) => count > 0);
    counts.clear();
    for (const { refusal, count } of due) await write(refusal, count);
  }

  return {
    flush,
    record(refusal) {
      const key = JSON.stringify([refusal.door, refusal.reason, refusal.caller]);
      const known = counts.get(key);
      if (known !== undefined) {
        known.count += 1;
      } else if (counts.size < MAX_KINDS) {
        counts.set(key, { refusal, count: 0 });
        void write(refusal, 1);
      } else {
        const others = counts.get('') ?? { refusal: { door: 'any', reason: 'refusals-of-many-kinds' }, count: 0 };
        others.count += 1;
        counts.set('', others);
      }
      timer ??= setTimeout(() => void flush(), WINDOW_MS).unref();
    },
  };
}
