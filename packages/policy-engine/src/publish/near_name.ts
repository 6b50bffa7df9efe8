/** The name that was probably meant, for messages about one that there is not. */

const MAX_EDITS = 2;
/** Longer ones are not compared: nobody types them. */
const MAX_CHARS = 128;

/** Such as "; did you mean `payments`?": the first of the nearest names, at most two edits away; else nothing. */
export function didYouMean(name: string, names: Iterable<string>): string {
  const near = nearName(name, names);
  return near === undefined ? '' : `; did you mean \`${near}\`?`;
}

export function nearName(name: string, names: Iterable<string>): string | undefined {
  // Of a short name two other letters make any other.
  let within = Math.min(MAX_EDITS, Math.floor(name.length / 2));
  let nearest: string | undefined;
  for (const candidate of names) {
    const edits = editsBetween(name, candidate, within);
    if (edits === undefined) continue;
    nearest = candidate;
    within = edits - 1;
  }
  return nearest;
}

/**
 * Characters to insert, remove, change, or swap with their neighbour (optimal string alignment); `undefined` when more than
 * `most`. Costs as many steps as the longer has characters.
 */
function editsBetween(left: string, right: string, most: number): number | undefined {
  if (Math.abs(left.length - right.length) > most || Math.max(left.length, right.length) > MAX_CHARS) return undefined;
  let before: number[] = [];
  let last: number[] = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const next = new Array<number>(right.length + 1).fill(most + 1);
    if (row <= most) next[0] = row;
    // Further from the diagonal there are more than `most` already.
    for (let column = Math.max(1, row - most); column <= Math.min(right.length, row + most); column++) {
      const isEqual = left[row - 1] === right[column - 1];
      let edits = Math.min(
        (last[column] as number) + 1,
        (next[column - 1] as number) + 1,
        (last[column - 1] as number) + (isEqual ? 0 : 1),
      );
      const isSwapped = column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (isSwapped) edits = Math.min(edits, (before[column - 2] as number) + 1);
      next[column] = edits;
    }
    [before, last] = [last, next];
  }
  const edits = last[right.length] as number;
  return edits > most ? undefined : edits;
}
