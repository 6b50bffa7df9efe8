/** Text for people: colours where they are wanted, columns, and nothing that could drive the terminal. */
const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

export type Paint = (style: keyof typeof CODES, text: string) => string;

export function createPaint(hasColours: boolean): Paint {
  return (style, text) => (hasColours ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text);
}

/** Records and entries hold what others wrote: control and direction characters are shown, not obeyed. */
export function printable(value: unknown): string {
  return String(value ?? '').replace(
    /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** JSON that is safe to show: the same escapes, which JSON reads back. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Left-aligned columns with a heading; `none` when there are no rows. */
export function formatTable(
  paint: Paint,
  heading: readonly string[],
  rows: readonly (readonly unknown[])[],
  none: string,
): string {
  if (rows.length === 0) return `${none}\n`;
  const cells = rows.map((row) => row.map(printable));
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${[paint('bold', line(heading)), ...cells.map(line)].join('\n')}\n`;
}

/** `name: value` lines, aligned; absent values are left out. */
export function formatFields(paint: Paint, fields: readonly (readonly [name: string, value: unknown])[]): string {
  const present = fields.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${paint('dim', name.padEnd(width))}  ${printable(value)}\n`).join('');
}
