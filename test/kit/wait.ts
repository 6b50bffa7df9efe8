import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 20;

/**
 * Asks until the answer is neither false nor undefined, and gives that answer. A question that throws ends the wait at
 * once; one that never answers within `timeoutMs` is an error that names what was waited for.
 */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | false | undefined>,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== false && answer !== undefined) return answer;
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await pause(POLL_MS);
  }
}
