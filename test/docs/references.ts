import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBLEMS } from '@postern/api';
import { REASONS } from '@postern/broker';
import { CONFIGURATION_KEYS } from '@postern/cdk/configuration';
import { PROBLEM_RULES } from '@postern/policy-engine/publish';
import { repositoryFolder } from '../tools/places.ts';
import { accessByFunction, accessReference } from './access_table.ts';
import { cliReference } from './cli_reference.ts';
import { formatMarkdownTable } from './markdown.ts';
import { metricsReference } from './metrics_table.ts';

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
    { path: 'docs/access.md', text: page('Who may use what', accessReference()) },
    { path: 'docs/metrics.md', text: page('Metrics of the agent', metricsReference()) },
    section('ARCHITECTURE.md', 'access', accessByFunction()),
    section('docs/deploy.md', 'configuration', configurationTable()),
    section('docs/policies.md', 'problems', policyProblemTable()),
  ];
}

/** A part of a page that people write: what lies between `<!-- NAME: … -->` and `<!-- /NAME -->`. */
function section(path: string, name: string, body: string): Reference {
  const text = readFileSync(join(repositoryFolder, path), 'utf8');
  const [before, rest] = text.split(`<!-- ${name}: made by \`npm run docs -- --write\` -->\n`);
  const after = rest?.split(`<!-- /${name} -->`)[1];
  if (before === undefined || after === undefined) throw new Error(`\`${path}\` has no place for \`${name}\``);
  const marked = `<!-- ${name}: made by \`npm run docs -- --write\` -->\n${body.trim()}\n<!-- /${name} -->`;
  return { path, text: `${before}${marked}${after}` };
}

function configurationTable(): string {
  const rows = Object.entries(CONFIGURATION_KEYS).map(([key, meaning]) => [`\`${key}\``, meaning]);
  return formatMarkdownTable(['key', 'what it says'], rows);
}

function policyProblemTable(): string {
  const rows = Object.entries(PROBLEM_RULES).map(([code, { severity, what }]) => [`\`${code}\``, severity, what]);
  return formatMarkdownTable(['code', '', 'what is wrong'], rows);
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
