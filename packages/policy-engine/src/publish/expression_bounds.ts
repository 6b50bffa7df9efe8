/**
 * How deep and how long the text of a policy or a schema may be. Cedar's parser and validator recurse, and run as
 * WebAssembly: where their stack ends they leave a module behind that refuses everything after, so that one policy would
 * keep all others from being published until the process ends. They fail at some 200 levels, 600 clauses or 2,000 operators.
 */
import type { Place } from './source.ts';
import { textOf } from './split_policies.ts';

export const MAX_NESTING = 64;
/** `&&`, `.`, `==`, `has` and the like, all clauses of a policy together. */
export const MAX_OPERATORS = 1_000;
export const MAX_CLAUSES = 200;

/** Comments and strings are passed over as a whole. */
const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|&&|\|\||[=!<>]=|::|[()[\]{}<>!+*.,-]/gs;
const OPENING = new Set(['(', '[', '{']);
const CLOSING = new Set([')', ']', '}']);
const OPERATORS = new Set([
  '&&',
  '||',
  '==',
  '!=',
  '<=',
  '>=',
  '<',
  '>',
  '!',
  '+',
  '-',
  '*',
  '.',
  '[',
  'has',
  'like',
  'is',
  'in',
  'if',
]);
const CLAUSES = new Set(['when', 'unless']);

/** Why Cedar is not asked about a policy; `undefined` where it is. Linear in the text. */
export function whyTooComplex(place: Place): string | undefined {
  let operators = 0;
  let clauses = 0;
  // For each open bracket, how many `if` are open in it: what follows `else` is one level further in.
  const conditionals: number[] = [0];
  let depth = 0;
  for (const [token] of textOf(place).matchAll(TOKEN)) {
    if (OPERATORS.has(token)) operators++;
    if (CLAUSES.has(token)) clauses++;
    const open = conditionals.length - 1;
    if (OPENING.has(token)) {
      conditionals.push(0);
      depth++;
    } else if (CLOSING.has(token)) {
      depth -= (conditionals[open] as number) + (open > 0 ? 1 : 0);
      if (open > 0) conditionals.pop();
      else conditionals[open] = 0;
    } else if (token === 'if') {
      conditionals[open] = (conditionals[open] as number) + 1;
      depth++;
    } else if (token === ',') {
      depth -= conditionals[open] as number;
      conditionals[open] = 0;
    }
    if (depth > MAX_NESTING) return `it is nested deeper than ${MAX_NESTING} levels`;
  }
  if (operators > MAX_OPERATORS) return `it has more than ${MAX_OPERATORS} operators`;
  return clauses > MAX_CLAUSES ? `it has more than ${MAX_CLAUSES} clauses` : undefined;
}

/** The same of a schema, in which `<` opens what `>` closes. */
export function whySchemaTooComplex(place: Place): string | undefined {
  let depth = 0;
  for (const [token] of textOf(place).matchAll(TOKEN)) {
    if (OPENING.has(token) || token === '<') depth++;
    else if (CLOSING.has(token) || token === '>') depth--;
    if (depth > MAX_NESTING) return `it is nested deeper than ${MAX_NESTING} levels`;
  }
  return undefined;
}
