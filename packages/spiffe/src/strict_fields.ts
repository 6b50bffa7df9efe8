/** Reads DER field by field and ends at the first thing that is wrong. Inside this package only: callers get a `Result`. */
import { type DerElement, parseDer } from '@postern/der';
import type { Result } from '@postern/result';

/** What could not be read, and why; caught where reading began, never thrown at a caller. */
export class Malformed extends Error {}

/** The value, or the end of reading. `part` names the field. */
export function must<T>(result: Result<T>, part: string): T {
  if (result.ok) return result.value;
  throw new Malformed(`${part}: ${result.detail ?? result.reason}`);
}

/** The one element inside `bytes`, as in an EXPLICIT tag or an OCTET STRING that holds DER. */
export function only(bytes: Uint8Array, part: string): DerElement {
  return must(parseDer(bytes, { maxBytes: bytes.length }), part);
}

/** Fields of a SEQUENCE in order, some of them optional. */
export class Fields {
  readonly #elements: readonly DerElement[];
  #index = 0;

  constructor(elements: readonly DerElement[]) {
    this.#elements = elements;
  }

  next(part: string): DerElement {
    const element = this.#elements[this.#index++];
    if (element === undefined) throw new Malformed(`${part}: absent`);
    return element;
  }

  optional(tag: number): DerElement | undefined {
    return this.#elements[this.#index]?.tag === tag ? this.#elements[this.#index++] : undefined;
  }

  /** Whatever comes next, if anything does. */
  any(): DerElement | undefined {
    return this.#elements[this.#index++];
  }

  end(part: string): void {
    if (this.#index < this.#elements.length) throw new Malformed(`${part}: unexpected field`);
  }
}
