/** What was started, ended in the opposite order, also when a later start fails. */
export class Cleanup {
  readonly #steps: { readonly name: string; readonly stop: () => Promise<unknown> }[] = [];
  #ended: Promise<void> | undefined;

  add(name: string, stop: () => Promise<unknown>): void {
    this.#steps.push({ name, stop });
  }

  /** Ends everything once; a step that fails is said and does not keep the others. */
  end(): Promise<void> {
    this.#ended ??= this.#run();
    return this.#ended;
  }

  async #run(): Promise<void> {
    for (const { name, stop } of this.#steps.reverse()) {
      await stop().catch((fault: Error) => process.stderr.write(`${name} did not end well: ${fault.message}\n`));
    }
  }
}
