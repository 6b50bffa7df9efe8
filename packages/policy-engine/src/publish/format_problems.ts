/** Problems for people (`text`), for programs (`json`) and for code review (`sarif`, OASIS SARIF 2.1.0). */
import type { CompileProblem } from './problem.ts';
import { PROBLEM_RULES, type ProblemRule } from './problem_rules.ts';

export type ProblemFormat = 'text' | 'json' | 'sarif';

/**
 * `root`: for `sarif`, the policy repository's path from where a code review starts, with slashes, or its `file:` URL where
 * there is no way from the one to the other.
 */
export function formatProblems(problems: readonly CompileProblem[], format: ProblemFormat, root = ''): string {
  switch (format) {
    case 'text':
      return problems.map(formatText).join('\n');
    case 'json':
      return JSON.stringify(problems, undefined, 2);
    case 'sarif':
      return JSON.stringify(sarifOf(problems, root), undefined, 2);
  }
}

/** `file:line:column: error: message [code]`, the line, and a pointer below it. */
function formatText(problem: CompileProblem): string {
  const { file, line, column, severity, message, code } = problem;
  const place = file === '' ? '' : `${file}:${line}:${column}: `;
  const head = `${place}${severity}: ${withoutControls(message)} [${code}]`;
  if (problem.excerpt.trim() === '') return head;
  const excerpt = withoutControls(problem.excerpt);
  const indent = ' '.repeat(Math.min(column - 1, excerpt.length));
  return `${head}\n  ${excerpt}\n  ${indent}${'^'.repeat(problem.excerptLength)}`;
}

/** The text comes from a pull request: it must not drive the terminal of whoever checks it. One for one, for the pointer. */
function withoutControls(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g, ' ');
}

const SARIF_SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** A rule for each code that occurs, and a result for each problem. One without a place is of the whole repository. */
function sarifOf(problems: readonly CompileProblem[], root: string): object {
  const codes = [...new Set(problems.map(({ code }) => code))];
  const rules = codes.map((code) => {
    const { what, severity }: ProblemRule = PROBLEM_RULES[code];
    return { id: code, shortDescription: { text: what }, defaultConfiguration: { level: severity } };
  });
  const results = problems.map((problem) => ({
    ruleId: problem.code,
    ruleIndex: codes.indexOf(problem.code),
    level: problem.severity,
    message: { text: problem.message },
    ...(problem.file !== '' && { locations: [{ physicalLocation: locationOf(problem, root) }] }),
  }));
  const tool = { driver: { name: 'postern', rules } };
  return { $schema: SARIF_SCHEMA, version: '2.1.0', runs: [{ tool, columnKind: 'utf16CodeUnits', results }] };
}

function locationOf({ file, line, column, excerpt, excerptLength }: CompileProblem, root: string): object {
  const within = /^file:/.test(root) ? '' : root;
  const path = [...within.split('/'), ...file.split('/')].filter((segment) => segment !== '' && segment !== '.');
  const uri = path.map(encodeURIComponent).join('/');
  return {
    artifactLocation: { uri: within === root ? uri : `${root.replace(/\/$/, '')}/${uri}` },
    region: {
      startLine: line,
      startColumn: column,
      endColumn: column + excerptLength,
      ...(excerpt !== '' && { snippet: { text: excerpt } }),
    },
  };
}
