import { PROBLEMS } from '@postern/api';
import { REASONS } from '@postern/broker';
import { cliReference } from './cli_reference.ts';
import { formatMarkdownTable } from './markdown.ts';

export type Reference = {
  /** Relative to the repository's root. */
  path: string;
  text: string;
};

const GENERATED = '<!-- Made by `npm run docs -- --write`. Do not edit: change the source. -->';

/** Every generated reference. A new one is a new row. */
export function references(): Reference[] {
  return [
    { path: 'docs/cli.md', text: page('The command line', cliReference()) },
    { path: 'docs/problems.md', text: page('Problem codes', problemReference()) },
    { path: 'docs/reasons.md', text: page('Reasons of decisions', reasonReference()) },
  ];
}

function page(title: string, body: string): string {
  return `# ${title}\n\n${GENERATED}\n\n${body.trim()}\n`;
}

function problemReference(): string {
  const rows = Object.entries(PROBLEMS).map(([code, { status, title, caller, operator }]) => [
    `\`${code}\``,
    `${status}`,
    title,
    caller,
    operator,
  ]);
  return `Every refusal of a control plane’s door is \`application/problem+json\` (RFC 9457) with one of these in \`code\`. The exact reason is
in the record of the refusal, not in the answer: whoever guesses learns nothing from it.

${formatMarkdownTable(['code', 'status', 'what', 'what the caller does', 'what the operator does'], rows)}`;
}

function reasonReference(): string {
  const rows = Object.entries(REASONS).map(([reason, { status, code, operator }]) => [
    `\`${reason}\``,
    `${status}`,
    `\`${code}\``,
    operator,
  ]);
  return `Why a decision came out as it did. The reason stands in the audit record (\`postern audit show ID\`); the caller is told only the
status and the code beside it.

${formatMarkdownTable(['reason', 'status', 'code for the caller', 'what the operator does'], rows)}`;
}
