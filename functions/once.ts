/** Work that is done once for all who ask, and again by the next who asks when it failed. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined;
  return () => {
    if (done === undefined) {
      const doing = work();
      done = doing;
      doing.catch(() => {
        if (done === doing) done = undefined;
      });
    }
    return done;
  };
}
