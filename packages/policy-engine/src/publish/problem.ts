/** What is wrong with a policy repository, each with its place and a pointer to the text. */
import type { CodeOf, ProblemCode } from './problem_rules.ts';
import { columnOf, lineOf, lineTextOf, type Place } from './source.ts';

export interface CompileProblem {
  readonly severity: 'error' | 'warning';
  readonly code: ProblemCode;
  /** Lower case, no full stop, bounded. */
  readonly message: string;
  /** Path in the policy repository. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** The line of text, and how much of it from `column` on is meant. Bounded. */
  readonly excerpt: string;
  readonly excerptLength: number;
}

/** Beyond these the rest is not listed: the first ones are the causes. */
export const MAX_PROBLEMS = 200;
const MAX_MESSAGE_CHARS = 500;
const MAX_EXCERPT_CHARS = 240;

/** Collects problems while a repository is read, so that one run shows all of them. */
export class Problems {
  readonly #all: CompileProblem[] = [];
  readonly #seen = new Set<string>();
  #errors = 0;

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** There are as many errors as are listed. */
  get isFull(): boolean {
    return this.#errors >= MAX_PROBLEMS;
  }

  error(code: CodeOf<'error'>, place: Place, message: string): void {
    this.#add('error', code, place, message);
  }

  warning(code: CodeOf<'warning'>, place: Place, message: string): void {
    this.#add('warning', code, place, message);
  }

  /** Whether there is one of this kind where the place begins. */
  has(code: ProblemCode, place: Place): boolean {
    const [line, column] = [lineOf(place), columnOf(place)];
    return this.#all.some(
      (it) => it.code === code && it.file === place.source.file && it.line === line && it.column === column,
    );
  }

  /** Errors before warnings, then by file and place. */
  list(severity?: CompileProblem['severity']): CompileProblem[] {
    return this.#all.filter((problem) => severity === undefined || problem.severity === severity).sort(compareProblems);
  }

  /** Whether one more is listed: warnings give way to errors, so that whoever is refused sees why. */
  #makeRoom(severity: CompileProblem['severity']): boolean {
    if (this.#all.length < MAX_PROBLEMS) return true;
    const last = severity === 'error' ? this.#all.findLastIndex((problem) => problem.severity === 'warning') : -1;
    if (last >= 0) this.#all.splice(last, 1);
    return last >= 0;
  }

  #add(severity: CompileProblem['severity'], code: ProblemCode, place: Place, message: string): void {
    const key = `${code} ${place.source.file} ${place.start} ${message}`;
    if (this.#seen.has(key) || !this.#makeRoom(severity)) return;
    this.#seen.add(key);
    if (severity === 'error') this.#errors++;
    const excerpt = lineTextOf(place).slice(0, MAX_EXCERPT_CHARS);
    const column = columnOf(place);
    this.#all.push({
      severity,
      code,
      message: message.slice(0, MAX_MESSAGE_CHARS),
      file: place.source.file,
      line: lineOf(place),
      column,
      excerpt,
      excerptLength: Math.max(1, Math.min(place.end - place.start, excerpt.length - column + 1)),
    });
  }
}

function compareProblems(left: CompileProblem, right: CompileProblem): number {
  if (left.severity !== right.severity) return left.severity === 'error' ? -1 : 1;
  if (left.file !== right.file) return left.file < right.file ? -1 : 1;
  return left.line - right.line || left.column - right.column;
}
