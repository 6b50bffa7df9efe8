/** Beyond so many, parts are read each time: a set of policies that share nothing is not to be held twice. */
const MAX_KNOWN = 10_000;

/**
 * Reads JSON objects, those that it knows not again. They are known by the object itself: the policies of a release share
 * the objects of equal scopes and conditions, and nobody changes them.
 */
export class ReadOnce<T> {
  readonly #read: (json: unknown) => T;
  readonly #known = new Map<unknown, T>();

  constructor(read: (json: unknown) => T) {
    this.#read = read;
  }

  read(json: unknown): T {
    let known = this.#known.get(json);
    if (known === undefined) {
      known = this.#read(json);
      if (this.#known.size < MAX_KNOWN) this.#known.set(json, known);
    }
    return known;
  }
}
