/** Which attributes change by time alone (docs/context.md): the clock, local time, and the age of a sign-in. */
import { type AttributePath, attributePathOf, type Expression, visitParts } from '../cedar/expression.ts';

const TIME_PATHS: readonly (readonly string[])[] = [['now'], ['local'], ['auth', 'ageSeconds']];

/** Whether a value at this path changes by time, as a whole or in a part. */
export function isTimePath({ root, names }: AttributePath): boolean {
  if (root !== 'context') return false;
  return TIME_PATHS.some((path) => {
    const length = Math.min(path.length, names.length);
    return path.slice(0, length).every((name, index) => name === names[index]);
  });
}

/** Whether the value of an expression may change by time. That an attribute is there does not. */
export function readsTime(expression: Expression): boolean {
  const path = attributePathOf(expression);
  if (path !== undefined) return isTimePath(path);
  if (expression.kind === 'has' && attributePathOf(expression.target) !== undefined) return false;
  let reads = false;
  visitParts(expression, (part) => {
    reads ||= readsTime(part);
  });
  return reads;
}
