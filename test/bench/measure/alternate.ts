/** Ours and the peers in turns, so that a machine that grows slower or busier meanwhile does so for all of them. */
import { type Measurement, measurementOf } from './measurement.ts';

/** Something to be measured against others: one run gives one value, the same unit for all. */
export type Contender<Name extends string = string, Value = number> = {
  readonly name: Name;
  readonly run: () => Value | Promise<Value>;
};

/** Every contender once a round, in an order that turns around with each round; after one round that does not count. */
export async function collectRuns<Name extends string, Value>(
  contenders: readonly Contender<Name, Value>[],
  rounds: number,
): Promise<Record<Name, Value[]>> {
  const values = new Map<Name, Value[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, run } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const value = await run();
      if (round >= 0) values.get(name)!.push(value);
    }
  }
  return Object.fromEntries(values) as Record<Name, Value[]>;
}

export async function alternate<Name extends string>(
  contenders: readonly Contender<Name>[],
  rounds: number,
): Promise<Record<Name, Measurement>> {
  const runs = await collectRuns(contenders, rounds);
  const names = contenders.map(({ name }) => name);
  return Object.fromEntries(names.map((name) => [name, measurementOf(runs[name])])) as Record<Name, Measurement>;
}
