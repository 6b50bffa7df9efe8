/**
 * The operands of a clause's `&&`, by their numbers in one list that all clauses of a release have in common: a condition
 * that a thousand policies repeat is looked at once.
 */
export class SharedOperands {
  readonly parts: readonly unknown[];
  /** Each a place in `parts`. */
  readonly numbers: readonly number[];

  constructor(parts: readonly unknown[], numbers: readonly number[]) {
    this.parts = parts;
    this.numbers = numbers;
  }

  /** In their order. */
  get list(): unknown[] {
    return this.numbers.map((number) => this.parts[number]);
  }
}
