/** Problems for people (`text`), for programs (`json`) and for code review (`sarif`, OASIS SARIF 2.1.0). */
import type { CompileProblem } from './problem.ts';

export type ProblemFormat = 'text' | 'json' | 'sarif';

export function formatProblems(problems: readonly CompileProblem[], format: ProblemFormat): string {
  switch (format) {
    case 'text':
      return problems.map(formatText).join('\n');
    case 'json':
      return JSON.stringify(problems, undefined, 2);
    case 'sarif':
      return JSON.stringify(sarifOf(problems), undefined, 2);
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

function sarifOf(problems: readonly CompileProblem[]): object {
  const rules = [...new Set(problems.map(({ code }) => code))].map((id) => ({ id }));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'postern', rules } },
        columnKind: 'utf16CodeUnits',
        results: problems.map(({ code, severity, message, file, line, column, excerptLength }) => ({
          ruleId: code,
          level: severity,
          message: { text: message },
          ...(file !== '' && {
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
                  region: { startLine: line, startColumn: column, endColumn: column + excerptLength },
                },
              },
            ],
          }),
        })),
      },
    ],
  };
}
