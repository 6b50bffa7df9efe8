/** Two lists of short lines, and what one has that the other has not. Everything that is compared is compared so. */

export interface LineChanges {
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** A thing that both sides have, and what is different about it. */
export interface Changed extends LineChanges {
  readonly name: string;
}

export interface NamedChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly Changed[];
}

/** Order does not matter, and neither does how often a line is there. */
export function compareLines(before: readonly string[], after: readonly string[]): LineChanges {
  const [left, right] = [new Set(before), new Set(after)];
  return {
    removed: [...left].filter((line) => !right.has(line)),
    added: [...right].filter((line) => !left.has(line)),
  };
}

export function hasChanges({ removed, added }: LineChanges): boolean {
  return removed.length > 0 || added.length > 0;
}

/** By name, in the order of the second side. */
export function compareNamed<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  linesOf: (item: T) => readonly string[],
): NamedChanges {
  const changed: Changed[] = [];
  for (const [name, item] of after) {
    const other = before.get(name);
    if (other === undefined) continue;
    const changes = compareLines(linesOf(other), linesOf(item));
    if (hasChanges(changes)) changed.push({ name, ...changes });
  }
  return { ...compareLines([...before.keys()], [...after.keys()]), changed };
}
