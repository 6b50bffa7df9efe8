/** One policy test and what came of it, for people. */
import type { PolicyTestResult } from '@postern/policy-engine/publish';
import { type Paint, printable } from './terminal_text.ts';

export function formatTestResult(paint: Paint, result: PolicyTestResult): string {
  const { passed, name, file, line, outcome, reason, differences } = result;
  const mark = passed ? paint('green', 'pass') : paint('red', 'FAIL');
  const details = differences.map((difference) => `      ${printable(difference)}\n`).join('');
  return `${mark}  ${printable(name)}: ${outcome} (${reason})${passed ? '' : `  ${printable(file)}:${line}`}\n${details}`;
}
