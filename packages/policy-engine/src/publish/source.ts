/** Places in the text of a policy repository. */

/** One file; lines and columns count from 1, columns in UTF-16 code units as editors do. */
export interface Source {
  readonly file: string;
  readonly text: string;
  /** Index in `text` at which each line begins. */
  readonly lineStarts: readonly number[];
}

/** A piece of a file: half-open, in UTF-16 code units. */
export interface Place {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

export function createSource(file: string, text: string): Source {
  const lineStarts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lineStarts.push(i + 1);
  return { file, text, lineStarts };
}

export function placeOf(source: Source, start = 0, end = start): Place {
  const length = source.text.length;
  return { source, start: Math.min(start, length), end: Math.min(Math.max(start, end), length) };
}

export function lineOf(place: Place): number {
  const { lineStarts } = place.source;
  let [low, high] = [0, lineStarts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lineStarts[middle] ?? 0) <= place.start) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

export function columnOf(place: Place): number {
  return place.start - (place.source.lineStarts[lineOf(place) - 1] ?? 0) + 1;
}

/** The line that the place begins in, without its line break. */
export function lineTextOf(place: Place): string {
  const { text, lineStarts } = place.source;
  const line = lineOf(place);
  const end = lineStarts[line] ?? text.length + 1;
  return text.slice(lineStarts[line - 1] ?? 0, end - 1).replace(/\r$/, '');
}

/** UTF-16 index of a byte offset in the UTF-8 form of `text`, which is how Cedar's parser counts. */
export function indexOfByte(text: string, byteOffset: number): number {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= byteOffset) break;
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += character.length;
  }
  return index;
}
