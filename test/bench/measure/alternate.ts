/** Ours and the peers in turns, so that a machine that grows slower or busier meanwhile does so for all of them. */
import { type Measurement, measurementOf } from './measurement.ts';

/** Something to be measured against others: one run gives one value, the same unit for all. */
export type Contender<Name extends string = string> = {
  readonly name: Name;
  readonly run: () => number | Promise<number>;
};

/** Every contender once a round, in an order that turns around with each round; after one round that does not count. */
export async function alternate<Name extends string>(
  contenders: readonly Contender<Name>[],
  rounds: number,
): Promise<Record<Name, Measurement>> {
  const values = new Map<Name, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, run } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const value = await run();
      if (round >= 0) values.get(name)!.push(value);
    }
  }
  return Object.fromEntries([...values].map(([name, list]) => [name, measurementOf(list)])) as Record<
    Name,
    Measurement
  >;
}
