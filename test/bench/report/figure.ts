/** What a benchmark finds: one quantity of ours beside the same of others, and whether the goal was reached. */
import type { Measurement } from '../measure/measurement.ts';

export type Unit = 'us' | 'ms' | 'MiB' | 'KiB' | 'x' | 'requests/s' | 'requests' | 'signatures';

export type Figure = {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: Measurement;
  readonly peers: { readonly [name: string]: Measurement };
  /** `undefined`: nothing in this run to hold it against; the figure is only reported. */
  readonly goal: Goal | undefined;
};

/** `text` is for people, `limit` what the median must not exceed (or fall below, for rates). */
export type Goal = { readonly text: string; readonly limit: number; readonly isFloor?: boolean };

export type BenchOutcome = {
  /** Versions of what was measured beside us, such as `cedar-wasm 4.13.0`. */
  readonly versions: readonly string[];
  /** Under the table: what was measured, and how to read it. */
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
  /** Why there are no figures, or not all. */
  readonly missing?: string;
};

export function isMet({ goal, ours }: Figure): boolean | null {
  if (goal === undefined) return null;
  return goal.isFloor === true ? ours.median >= goal.limit : ours.median <= goal.limit;
}

/** A goal relative to the best of `peers`, lowest first. */
export function shareOfBest(text: string, share: number, peers: Figure['peers']): Goal | undefined {
  const medians = Object.values(peers).map(({ median }) => median);
  return medians.length === 0 ? undefined : { text, limit: share * Math.min(...medians) };
}

/**
 * One line of JSON per benchmark, for programs. `met` is null where there was nothing to judge by, and `missing` is there
 * only when something was.
 */
export function formatJsonLine(bench: string, { figures, missing }: BenchOutcome): string {
  const rows = figures.map((figure) => ({
    name: figure.name,
    unit: figure.unit,
    ours: roundTo3(figure.ours.median),
    peers: Object.fromEntries(Object.entries(figure.peers).map(([name, peer]) => [name, roundTo3(peer.median)])),
    goal: figure.goal?.text ?? 'reported',
    met: isMet(figure),
  }));
  return JSON.stringify({ bench, figures: rows, ...(missing !== undefined && { missing }) });
}

/** Three digits are more than a shared machine can tell; whole numbers keep all of theirs. */
export function roundTo3(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
