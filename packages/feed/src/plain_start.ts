/**
 * A process loads its first release by code that it runs thousands of times within some milliseconds, and so has the
 * optimizing compilers work on it: a third of the CPU from start to first decision, spent on other threads while those few
 * milliseconds pass (docs/decisions/0020). They begin a second later instead.
 */
import { setFlagsFromString } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

/** Long enough for a function or an agent to have answered first, and soon for what decides for days. */
export const OPTIMIZE_AFTER_MS = 1000;

const COMPILERS = ['maglev', 'opt'] as const;
/** Whoever chose how code is compiled has chosen. */
const CHOSEN = /--(?:no-?)?(?:maglev|opt|turbofan|sparkplug|jitless|max-lazy|always-[a-z]+|single-threaded)\b/;

let isBegun = false;

/** Once in a process; afterwards nothing. Threads have the flags of their process, so that they leave them alone. */
export function beginWithoutOptimizing(): void {
  if (isBegun) return;
  isBegun = true;
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  if (!isMainThread || CHOSEN.test(options)) return;
  for (const compiler of COMPILERS) setFlagsFromString(`--no-${compiler}`);
  setTimeout(() => {
    for (const compiler of COMPILERS) setFlagsFromString(`--${compiler}`);
  }, OPTIMIZE_AFTER_MS).unref();
}
